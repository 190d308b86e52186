package web

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake speaks the usage API to the page and does what a real server does not do when asked:
// fall behind, be away, refuse sockets, and have a tenant of any name.
type fake struct {
	*httptest.Server
	now func() time.Time

	mu        sync.Mutex
	tenants   []*account
	rate      float64
	stale     bool
	away      bool // answers nothing
	broken    bool // answers 503
	locked    bool // asks who looks
	noSockets bool
	noAlerts  bool
	held      chan struct{} // nothing is answered until it is closed
	listeners map[*listener]bool
	asked     map[string]int // requests by path
}

// account is a tenant as the fake knows it.
type account struct {
	name       string
	quota      int64 // 0: none
	used       int64
	thresholds []int
	zone       string
	archived   bool
	features   []share
	busy       float64 // how much of an hour's usual usage the last hour had
	alerts     []map[string]any
	version    int
	encoded    map[string]json.RawMessage // what line has made
}

type share struct {
	name  string
	share float64
}

func newFake(t testing.TB, tenants ...*account) *fake {
	t.Helper()
	f := &fake{now: time.Now, tenants: tenants, rate: 41.7, listeners: map[*listener]bool{}, asked: map[string]int{}}
	mux := http.NewServeMux()
	mux.Handle("/usage", Handler())
	mux.Handle("/assets/", Handler())
	mux.HandleFunc("GET /session", func(w http.ResponseWriter, _ *http.Request) {
		if f.locked {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"off","scope":"admin","tenant":null,"expiresAt":null}`))
	})
	mux.HandleFunc("GET /tenants", f.getTenants)
	mux.HandleFunc("GET /tenants.csv", f.getTenantsCSV)
	mux.HandleFunc("GET /usage/{tenant}", f.getUsage)
	mux.HandleFunc("GET /usage/{tenant}/series", f.getSeries)
	mux.HandleFunc("GET /usage/{tenant}/series.csv", f.getSeriesCSV)
	mux.HandleFunc("GET /alerts", f.getAlerts)
	mux.HandleFunc("GET /live", f.getLive)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		away, broken, held := f.away, f.broken, f.held
		f.asked[r.URL.Path]++
		f.mu.Unlock()
		file := r.URL.Path == "/usage" || strings.HasPrefix(r.URL.Path, "/assets/")
		switch {
		case away:
			panic(http.ErrAbortHandler) // the connection is cut
		case broken && !file:
			writeProblem(w, http.StatusServiceUnavailable, "usage cannot be read now")
			return
		case held != nil && !file:
			select {
			case <-held:
			case <-r.Context().Done():
			}
		}
		mux.ServeHTTP(w, r)
	}))
	f.Config.ErrorLog = nil
	t.Cleanup(func() {
		f.release()
		f.cut()
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

func (f *fake) page() string { return f.URL + "/usage" }

// change changes the fake and tells its listeners.
func (f *fake) change(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	for l := range f.listeners {
		l.tell()
	}
}

// askedFor is how often a path was asked for.
func (f *fake) askedFor(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[path]
}

// use counts tokens of a tenant.
func (f *fake) use(name string, tokens int64) {
	f.change(func() {
		a := f.find(name)
		a.used += tokens
		a.version++
	})
}

func (f *fake) find(name string) *account {
	if i := slices.IndexFunc(f.tenants, func(a *account) bool { return a.name == name }); i >= 0 {
		return f.tenants[i]
	}
	return nil
}

// leave ends the server as the page sees it: sockets are cut and nothing is answered.
func (f *fake) leave() {
	f.mu.Lock()
	f.away = true
	f.mu.Unlock()
	f.cut()
}

func (f *fake) comeBack() {
	f.mu.Lock()
	f.away = false
	f.mu.Unlock()
}

// break503 answers 503 to every question.
func (f *fake) break503() {
	f.mu.Lock()
	f.broken = true
	f.mu.Unlock()
	f.cut()
}

// hold keeps every answer back until release.
func (f *fake) hold() {
	f.mu.Lock()
	f.held = make(chan struct{})
	f.mu.Unlock()
}

func (f *fake) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held != nil {
		close(f.held)
		f.held = nil
	}
}

// cut cuts every socket.
func (f *fake) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.listeners {
		l.conn.CloseNow()
		delete(f.listeners, l)
	}
}

// ---- answers ----

// page is what a client asks for with ?q=&sort=&limit=.
func (f *fake) list(query url.Values) []*account {
	var found []*account
	for _, a := range f.tenants {
		if strings.Contains(strings.ToLower(a.name), strings.ToLower(query.Get("q"))) && (!a.archived || query.Get("archived") == "true") {
			found = append(found, a)
		}
	}
	key, descending := strings.CutPrefix(query.Get("sort"), "-")
	slices.SortStableFunc(found, func(a, b *account) int {
		x, y := a.sortKey(key, f.now()), b.sortKey(key, f.now())
		order := 0
		switch {
		case key == "name":
			order = strings.Compare(a.name, b.name)
		case x < y:
			order = -1
		case x > y:
			order = 1
		}
		if descending {
			order = -order
		}
		if order == 0 {
			return strings.Compare(a.name, b.name)
		}
		return order
	})
	return found
}

func (a *account) sortKey(key string, now time.Time) float64 {
	switch key {
	case "used":
		return float64(a.used)
	case "quota":
		return float64(a.quota)
	case "pace", "projected":
		return float64(a.perDay(now))
	case "exhausted":
		if at := a.exhausted(now); !at.IsZero() {
			return float64(at.Unix())
		}
		return 1e18
	}
	if a.quota == 0 {
		return -1
	}
	return float64(a.used) / float64(a.quota)
}

func (f *fake) snapshot(query url.Values) map[string]any {
	found := f.list(query)
	limit := 100
	if n, err := strconv.Atoi(query.Get("limit")); err == nil {
		limit = n
	}
	rows := []json.RawMessage{}
	for _, a := range found[:min(limit, len(found))] {
		rows = append(rows, a.line(f.now(), f.stale))
	}
	return map[string]any{"tenants": rows, "matching": len(found), "next": nil, "totals": f.totals(),
		"asOf": f.now().UTC(), "stale": f.stale}
}

func (f *fake) totals() map[string]any {
	var used int64
	var tenants, over, near int
	for _, a := range f.tenants {
		if a.archived {
			continue
		}
		tenants++
		used += a.used
		switch {
		case a.quota > 0 && a.used >= a.quota:
			over++
		case a.quota > 0 && len(a.thresholds) > 0 && a.used*100 >= a.quota*int64(a.thresholds[0]):
			near++
		}
	}
	return map[string]any{"tenants": tenants, "totalTokens": used, "overQuota": over, "nearQuota": near, "eventsPerSecond": f.rate}
}

func (f *fake) getTenants(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	answer := f.snapshot(r.URL.Query())
	f.mu.Unlock()
	writeTagged(w, r, answer)
}

func (f *fake) getUsage(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.find(r.PathValue("tenant"))
	if a == nil {
		writeProblem(w, http.StatusNotFound, fmt.Sprintf("there is no tenant %q", r.PathValue("tenant")))
		return
	}
	writeTagged(w, r, a.usage(f.now(), f.stale))
}

func (f *fake) getAlerts(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.find(r.URL.Query().Get("tenant"))
	if f.noAlerts || a == nil {
		writeProblem(w, http.StatusNotFound, "there is no /alerts here")
		return
	}
	alerts := a.alerts
	if alerts == nil {
		alerts = []map[string]any{}
	}
	writeTagged(w, r, map[string]any{"alerts": alerts, "next": nil})
}

// writeTagged answers 304 to who has seen the same but for its time.
func writeTagged(w http.ResponseWriter, r *http.Request, answer map[string]any) {
	asOf := answer["asOf"]
	delete(answer, "asOf")
	content, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	tag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(content))
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if asOf != nil {
		answer["asOf"] = asOf
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}
