package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// listener is one open GET /live.
type listener struct {
	f     *fake
	conn  *websocket.Conn
	query url.Values
	seen  map[string]int // name → version told
	order []string
	stale bool
}

func (f *fake) getLive(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	refuse := f.noSockets || (r.URL.Query().Has("tenant") && f.find(r.URL.Query().Get("tenant")) == nil)
	f.mu.Unlock()
	if refuse {
		writeProblem(w, http.StatusNotFound, "no sockets here")
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	l := &listener{f: f, conn: conn, query: r.URL.Query(), seen: map[string]int{}}
	f.mu.Lock()
	f.listeners[l] = true
	l.begin()
	f.mu.Unlock()
	for ctx := conn.CloseRead(context.Background()); ; {
		select {
		case <-ctx.Done():
			f.mu.Lock()
			delete(f.listeners, l)
			f.mu.Unlock()
			return
		case <-time.After(5 * time.Second):
			f.mu.Lock()
			l.send(map[string]any{"type": "alive", "asOf": f.now().UTC(), "stale": f.stale})
			f.mu.Unlock()
		}
	}
}

func (l *listener) begin() {
	if name := l.query.Get("tenant"); name != "" {
		l.tell()
		return
	}
	answer := l.f.snapshot(l.query)
	answer["type"] = "snapshot"
	l.order = nil
	for _, a := range l.page() {
		l.order = append(l.order, a.name)
		l.seen[a.name] = a.version
	}
	l.stale = l.f.stale
	l.send(answer)
}

func (l *listener) page() []*account {
	var limit int
	if err := json.Unmarshal([]byte(l.query.Get("limit")), &limit); err != nil {
		limit = 100
	}
	found := l.f.list(l.query)
	return found[:min(limit, len(found))]
}

// tell sends what has changed.
func (l *listener) tell() {
	if name := l.query.Get("tenant"); name != "" {
		answer := l.f.find(name).usage(l.f.now(), l.f.stale)
		answer["type"] = "tenant"
		l.send(answer)
		return
	}
	message := map[string]any{"type": "change", "totals": l.f.totals(), "asOf": l.f.now().UTC(), "stale": l.f.stale}
	rows := []json.RawMessage{}
	var order, gone []string
	for _, a := range l.page() {
		order = append(order, a.name)
		if version, ok := l.seen[a.name]; !ok || version != a.version {
			rows = append(rows, a.line(l.f.now(), l.f.stale))
		}
		l.seen[a.name] = a.version
	}
	for _, name := range l.order {
		if !slices.Contains(order, name) {
			gone = append(gone, name)
			delete(l.seen, name)
		}
	}
	message["tenants"] = rows
	message["gone"] = gone
	if !slices.Equal(order, l.order) {
		message["order"] = order
	}
	l.order = order
	l.send(message)
}

func (l *listener) send(message map[string]any) {
	content, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	l.conn.Write(ctx, websocket.MessageText, content) // who has gone is noticed by the reader
}

// listening is how many sockets are open.
func (f *fake) listening() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.listeners)
}
