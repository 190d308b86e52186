package live

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/coder/websocket"

	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

func TestNotMoreClientsThanTheServerTakes(t *testing.T) {
	r := newRig(t)
	for i := range maxClients {
		feed, err := r.join(listOf(t, ""), budget.Holder{})
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		if i < maxClients-1 {
			defer r.leave(feed, budget.Holder{})
			continue
		}
		if status, _ := r.dial("?tenant=acme"); status != 503 {
			t.Errorf("one client too many: %d", status)
		}
		r.leave(feed, budget.Holder{})
	}
	status, conn := r.dial("?tenant=acme")
	if status != 101 {
		t.Fatalf("when one has left: %d", status)
	}
	conn.CloseNow()
}

func TestNotMoreListsThanTheServerTakes(t *testing.T) {
	r := newRig(t)
	for i := range maxLists {
		feed, err := r.join(listOf(t, fmt.Sprint(i)), budget.Holder{})
		if err != nil {
			t.Fatalf("list %d: %v", i, err)
		}
		defer r.leave(feed, budget.Holder{})
	}
	if status, _ := r.dial("?q=another"); status != 503 {
		t.Errorf("one list too many: %d", status)
	}
	status, conn := r.dial("?tenant=acme")
	if status != 101 {
		t.Fatalf("a single tenant: %d", status)
	}
	conn.CloseNow()
}

func TestNoClientJoinsAfterTheEnd(t *testing.T) {
	f := newRig(t).Feeds
	f.End()
	if _, err := f.join(question{}, budget.Holder{}); err == nil || errors.Is(err, errFull) {
		t.Errorf("after the end: %v", err)
	}
}

// A client that reads, but too slowly, gets a status for it: the page then polls.
func TestAClientThatIsTooSlowIsClosedWith1013(t *testing.T) {
	r := newRig(t)
	r.patience = 0 // no client is as fast as that
	_, conn := r.dial("")
	if _, _, err := conn.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, frame, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
		t.Errorf("got %s, %v; want 1013", frame, err)
	}
	waittest.Until(t, "it has left", func() bool { return r.size() == 0 })
}

// Clients share the work, and leave nothing behind.
func TestClientsThatComeAndGoLeaveNothing(t *testing.T) {
	r := newRig(t)
	var before int
	for round := range 5 {
		if round == 1 { // the server's own have begun
			before = runtime.NumGoroutine()
		}
		var all []*websocket.Conn
		for i := range 20 {
			query := []string{"", "?sort=name", "?tenant=acme"}[i%3]
			status, conn := r.dial(query)
			if status != 101 {
				t.Fatalf("%s: %d", query, status)
			}
			all = append(all, conn)
		}
		for _, conn := range all {
			if _, _, err := conn.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r.mu.Lock()
		distinct := len(r.all)
		r.mu.Unlock()
		if distinct != 3 {
			t.Errorf("%d feeds for 20 clients of 3 queries", distinct)
		}
		for i, conn := range all {
			if i%2 == 0 {
				conn.CloseNow()
			} else {
				conn.Close(websocket.StatusNormalClosure, "")
			}
		}
		waittest.Until(t, "all have left", func() bool { return r.size() == 0 })
	}
	waittest.Until(t, "their goroutines end", func() bool {
		return runtime.NumGoroutine() <= before+3
	})
}
