package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/internal/waittest"
)

// follower is a client of GET /live.
type follower struct {
	testing.TB
	conn *websocket.Conn
}

// follow opens GET /live.
func (a *api) follow(query string) follower {
	a.Helper()
	ctx, cancel := context.WithTimeout(a.Context(), waittest.Patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, a.url+"/live"+query, nil)
	if err != nil {
		a.Fatalf("GET /live%s: %v", query, err)
	}
	conn.SetReadLimit(-1)
	a.Cleanup(func() { _ = conn.CloseNow() })
	return follower{a.TB, conn}
}

// told is a frame of GET /live.
type told struct {
	Type    string
	Tenant  string // of a single one
	Tenants []struct {
		Tenant      string
		TotalTokens int64
		Sparkline   []int64
	}
	TotalTokens int64
	Order, Gone []string
	Totals      struct{ TotalTokens int64 }
	Matching    int
	Stale       bool
}

// next is the next frame of one of the given types; others are skipped.
func (f follower) next(types ...string) told {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), waittest.Patience)
	defer cancel()
	for {
		_, frame, err := f.conn.Read(ctx)
		if err != nil {
			f.Fatalf("waiting for %v: %v", types, err)
		}
		var t told
		if err := json.Unmarshal(frame, &t); err != nil {
			f.Fatalf("%.300s: %v", frame, err)
		}
		if slices.Contains(types, t.Type) {
			return t
		}
	}
}

// quick makes states follow each other fast.
func quick(t *testing.T, change ...func(*setup)) *api {
	t.Helper()
	a := newAPI(t, stacktest.New(t), change...)
	a.server.feeds.every = 20 * time.Millisecond
	return a
}

func TestLiveTellsAListAndItsChanges(t *testing.T) {
	a := quick(t)
	a.addQuota("big", 1000, 900)
	f := a.follow("?limit=2")
	s := f.next("snapshot", "change")
	if s.Type != "snapshot" || len(s.Tenants) != 2 || s.Tenants[0].Tenant != "big" || s.Tenants[1].Tenant != "acme" || s.Totals.TotalTokens != 900 || s.Matching != 3 {
		t.Fatalf("the first frame is %+v", s)
	}
	a.counted(acme(7, ""))
	c := f.next("change")
	if len(c.Tenants) != 1 || c.Tenants[0].Tenant != "acme" || c.Tenants[0].TotalTokens != 7 || c.Tenants[0].Sparkline[59] != 7 || c.Order != nil || c.Gone != nil || c.Totals.TotalTokens != 907 {
		t.Errorf("after an event: %+v", c)
	}
	a.counted(acme(950_000, ""))
	if c = f.next("change"); !slices.Equal(c.Order, []string{"acme", "big"}) || len(c.Tenants) != 1 {
		t.Errorf("after acme has overtaken: %+v", c)
	}
	a.addQuota("new", 10, 10)
	for c = f.next("change"); c.Order == nil; c = f.next("change") {
	}
	if !slices.Equal(c.Order, []string{"new", "acme"}) || !slices.Equal(c.Gone, []string{"big"}) || c.Tenants[0].Tenant != "new" || c.Tenants[0].Sparkline == nil {
		t.Errorf("after another has overtaken: %+v", c)
	}
}

func TestASparklineIsSentOnlyIfItChanges(t *testing.T) {
	a := quick(t)
	f := a.follow("?q=acme")
	f.next("snapshot")
	if _, err := a.env.DB.Exec("UPDATE tenants SET monthly_quota = 5 WHERE name = 'acme'"); err != nil {
		t.Fatal(err)
	}
	if err := a.live.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := f.next("change"); len(c.Tenants) != 1 || c.Tenants[0].Sparkline != nil {
		t.Errorf("after another quota: %+v", c)
	}
}

func TestLiveTellsOneTenant(t *testing.T) {
	a := quick(t)
	f := a.follow("?tenant=acme")
	if s := f.next("tenant", "snapshot"); s.Tenant != "acme" || s.TotalTokens != 0 {
		t.Errorf("the first frame is %+v", s)
	}
	a.counted(acme(7, ""))
	if c := f.next("tenant", "change"); c.TotalTokens != 7 {
		t.Errorf("after an event: %+v", c)
	}
}

// Valkey's absence must reach who looks, and its return, too.
func TestLiveIsStaleWhileValkeyIsAway(t *testing.T) {
	t.Parallel()
	a := newAPI(t, stacktest.Own(t))
	a.server.feeds.every = 20 * time.Millisecond
	f := a.follow("")
	f.next("snapshot")
	a.env.Stack.Valkey.Kill()
	if c := f.next("change"); !c.Stale {
		t.Errorf("while Valkey is away: %+v", c)
	}
	if err := a.env.Stack.Valkey.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := f.next("change"); c.Stale {
		t.Errorf("when it is back: %+v", c)
	}
}

func TestLiveClosesAtTheEnd(t *testing.T) {
	a := quick(t)
	f := a.follow("")
	f.next("snapshot")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.stop()
	}()
	_, _, err := f.conn.Read(t.Context())
	for err == nil {
		_, _, err = f.conn.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("closed with %v, want 1001", err)
	}
	<-ended
	if _, err := a.server.feeds.join(feedQuery{}, budget.Holder{}); err == nil || errors.Is(err, errFeedFull) {
		t.Errorf("after the end: %v", err)
	}
}

// A client that reads nothing must not stay, and must not hold up another.
func TestAClientThatReadsNothingIsDropped(t *testing.T) {
	a := quick(t)
	a.server.feedPatience, a.server.feedCut = 2*time.Second, 2*time.Second
	for i := range 60 { // about 12 kB each: more than the kernel buffers for a while
		a.addQuota(strings.Repeat("🦉", 100)+fmt.Sprint(i), 1000, 1)
	}
	host := strings.TrimPrefix(a.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /live HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", host)
	eventually(t, "the client has joined", func() bool { return a.server.feeds.size() == 1 })
	brisk := a.follow("?q=acme")
	brisk.next("snapshot")
	for i := 0; a.server.feeds.size() > 1; i++ {
		if i > 5000 {
			t.Fatal("it stays")
		}
		a.clock.advance(time.Minute) // every row's sparkline moves
		a.counted(acme(1, ""))
		brisk.next("change")
	}
}

// One who reads, but too slowly, is told so: the page then polls.
func TestAClientThatIsTooSlowIsClosedWith1013(t *testing.T) {
	a := quick(t)
	a.server.feedPatience = 0 // nobody is as fast as that
	f := a.follow("")
	f.next("snapshot")
	_, frame, err := f.conn.Read(t.Context())
	if websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
		t.Errorf("got %s, %v; want 1013", frame, err)
	}
	eventually(t, "it has left", func() bool { return a.server.feeds.size() == 0 })
}

func TestNotMoreClientsThanTheServerTakes(t *testing.T) {
	a := quick(t)
	dial := func() int {
		conn, r, err := websocket.Dial(t.Context(), a.url+"/live?tenant=acme", nil)
		if err == nil {
			conn.CloseNow()
		}
		return r.StatusCode
	}
	for i := range maxFeedClients {
		feed, err := a.server.feeds.join(feedQuery{list: listQuery{sort: "name", limit: 1}}, budget.Holder{})
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		if i < maxFeedClients-1 {
			defer a.server.feeds.leave(feed, budget.Holder{})
			continue
		}
		if status := dial(); status != 503 {
			t.Errorf("one client too many: %d", status)
		}
		a.server.feeds.leave(feed, budget.Holder{})
	}
	if status := dial(); status != 101 {
		t.Errorf("when one has left: %d", status)
	}
}

// One who reads late gets what is missing, in one frame.
func TestALaggardIsToldTheDifference(t *testing.T) {
	of := func(name string, n int) *row {
		return &row{Recent: recentOf(name), head: fmt.Appendf(nil, `"tenant":%q,"totalTokens":%d`, name, n), sparkline: []byte(`,"sparkline":[0]`)}
	}
	at := func(rows ...*row) *feedState { return &feedState{page: &page{sheet: &sheet{}, rows: rows}} }
	a, b := of("a", 1), of("b", 1)
	feed := &feed{renewed: make(chan struct{})}
	first := at(a, b)
	feed.publish(first)
	feed.publish(at(a, of("b", 2)))
	feed.publish(at(of("b", 2), of("c", 1)))
	now, frame, _ := feed.look(first)
	const tail = `,"matching":0,"next":null,"totals":{"tenants":0,"totalTokens":0,"overQuota":0,"nearQuota":0,"eventsPerSecond":0.0},"asOf":"0001-01-01T00:00:00Z","stale":false}`
	want := `{"type":"change","tenants":[{"tenant":"b","totalTokens":2},{"tenant":"c","totalTokens":1,"sparkline":[0]}],"order":["b","c"],"gone":["a"]` + tail
	if string(frame) != want {
		t.Errorf("\n got %s\nwant %s", frame, want)
	}
	if _, frame, _ := feed.look(now); frame != nil {
		t.Errorf("when it knows all: %s", frame)
	}
	feed.publish(at(of("b", 2), of("c", 1)))
	if _, frame, _ := feed.look(now); frame != nil {
		t.Errorf("when nothing has changed: %s", frame)
	}
}

func TestWhoMayNotOpenLive(t *testing.T) {
	a := quick(t)
	dial := func(query string, header http.Header) *http.Response {
		t.Helper()
		conn, r, err := websocket.Dial(t.Context(), a.url+"/live"+query, &websocket.DialOptions{HTTPHeader: header})
		if err == nil {
			conn.CloseNow()
		}
		if r == nil {
			t.Fatal(err)
		}
		return r
	}
	if r := dial("", http.Header{"Origin": {"https://evil.example"}}); r.StatusCode != 403 || r.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("from another origin: %s", r.Status)
	}
	if r := dial("", http.Header{"Origin": {a.url}}); r.StatusCode != 101 {
		t.Errorf("from its own origin: %s", r.Status)
	}
	for query, want := range map[string]int{"?sort=x": 400, "?tenant=nobody": 404, "?tenant=acme&q=x": 400, "?cursor=x": 400} {
		if r := dial(query, nil); r.StatusCode != want {
			t.Errorf("%s: %s, want %d", query, r.Status, want)
		}
	}
	a.refused(a.get("/live"), 426, "upgrade-required")

	eventually(t, "who was let in has left", func() bool { return a.server.feeds.size() == 0 })
	for i := range maxFeedLists {
		feed, err := a.server.feeds.join(feedQuery{list: listQuery{search: fmt.Sprint(i)}}, budget.Holder{})
		if err != nil {
			t.Fatalf("list %d: %v", i, err)
		}
		defer a.server.feeds.leave(feed, budget.Holder{})
	}
	if r := dial("?q=another", nil); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("one list too many: %s", r.Status)
	}
	if r := dial("?"+url.Values{"tenant": {"acme"}}.Encode(), nil); r.StatusCode != 101 {
		t.Errorf("a single tenant: %s", r.Status)
	}
}

// Clients share the work, and leave nothing behind.
func TestClientsThatComeAndGoLeaveNothing(t *testing.T) {
	a := quick(t)
	var before int
	for round := range 5 {
		if round == 1 { // the server's own have begun
			before = runtime.NumGoroutine()
		}
		var all []follower
		for i := range 20 {
			all = append(all, a.follow([]string{"", "?sort=name", "?tenant=acme"}[i%3]))
		}
		for _, f := range all {
			f.next("snapshot", "tenant")
		}
		a.server.feeds.mu.Lock()
		distinct := len(a.server.feeds.all)
		a.server.feeds.mu.Unlock()
		if distinct != 3 {
			t.Errorf("%d feeds for 20 clients of 3 queries", distinct)
		}
		for i, f := range all {
			if i%2 == 0 {
				f.conn.CloseNow()
			} else {
				f.conn.Close(websocket.StatusNormalClosure, "")
			}
		}
		eventually(t, "all have left", func() bool { return a.server.feeds.size() == 0 })
	}
	a.client.CloseIdleConnections()
	eventually(t, "their goroutines end", func() bool { return runtime.NumGoroutine() <= before+3 })
}

func recentOf(name string) (r usage.Recent) {
	r.Tenant.Name = name
	return r
}
