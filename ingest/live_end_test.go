package ingest

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
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
}

// liveClients is how many WebSockets of GET /live are open.
func (a *api) liveClients() float64 { return a.metrics()["live_clients"] }

// A client that reads nothing must not stay, and must not hold up another.
func TestAClientThatReadsNothingIsDropped(t *testing.T) {
	t.Parallel() // it waits most of the time
	a := quick(t, func(s *setup) { s.live.Patience = time.Second })
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
	fmt.Fprintf(conn, "GET /live HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", host)
	waittest.Until(t, "the client has joined", func() bool { return a.liveClients() == 1 })
	brisk := a.follow("?q=acme")
	brisk.next("snapshot")
	for i := 0; a.liveClients() > 1; i++ {
		if i > 5000 {
			t.Fatal("it stays")
		}
		a.clock.Advance(time.Minute) // every row's sparkline moves
		a.counted(acme(1, ""))
		brisk.next("change")
	}
}

func TestWhoMayNotOpenLive(t *testing.T) {
	a := quick(t)
	dial := func(query string, header http.Header) *http.Response {
		t.Helper()
		conn, r, err := websocket.Dial(t.Context(), a.url+"/live"+query,
			&websocket.DialOptions{HTTPHeader: header})
		if err == nil {
			conn.CloseNow()
		}
		if r == nil {
			t.Fatal(err)
		}
		return r
	}
	if r := dial("", http.Header{"Origin": {"https://evil.example"}}); r.StatusCode != 403 ||
		r.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("from another origin: %s", r.Status)
	}
	if r := dial("", http.Header{"Origin": {a.url}}); r.StatusCode != 101 {
		t.Errorf("from its own origin: %s", r.Status)
	}
	for query, want := range map[string]int{"?sort=x": 400, "?tenant=nobody": 404,
		"?tenant=acme&q=x": 400, "?cursor=x": 400} {
		if r := dial(query, nil); r.StatusCode != want {
			t.Errorf("%s: %s, want %d", query, r.Status, want)
		}
	}
	a.refused(a.get("/live"), 426, "upgrade-required")

	if r := dial("?"+url.Values{"tenant": {"acme"}}.Encode(), nil); r.StatusCode != 101 {
		t.Errorf("a single tenant: %s", r.Status)
	}
}
