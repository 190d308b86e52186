package ingest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/eduardosanzb/flagmeter/internal/budget"
)

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
