package ingest

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
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

// quickly makes states follow each other fast.
func quickly(s *setup) { s.live.Every = 20 * time.Millisecond }

// quick makes states follow each other fast.
func quick(t *testing.T, change ...func(*setup)) *api {
	t.Helper()
	return newAPI(t, stacktest.New(t), append(change, quickly)...)
}

func TestLiveTellsAListAndItsChanges(t *testing.T) {
	a := quick(t)
	a.addQuota("big", 1000, 900)
	f := a.follow("?limit=2")
	s := f.next("snapshot", "change")
	if s.Type != "snapshot" || len(s.Tenants) != 2 || s.Tenants[0].Tenant != "big" ||
		s.Tenants[1].Tenant != "acme" || s.Totals.TotalTokens != 900 || s.Matching != 3 {
		t.Fatalf("the first frame is %+v", s)
	}
	a.counted(acme(7, ""))
	c := f.next("change")
	if len(c.Tenants) != 1 || c.Tenants[0].Tenant != "acme" || c.Tenants[0].TotalTokens != 7 ||
		c.Tenants[0].Sparkline[59] != 7 || c.Order != nil || c.Gone != nil ||
		c.Totals.TotalTokens != 907 {
		t.Errorf("after an event: %+v", c)
	}
	a.counted(acme(950_000, ""))
	if c = f.next("change"); !slices.Equal(c.Order, []string{"acme", "big"}) || len(c.Tenants) != 1 {
		t.Errorf("after acme has overtaken: %+v", c)
	}
	a.addQuota("new", 10, 10)
	for c = f.next("change"); c.Order == nil; c = f.next("change") {
	}
	if !slices.Equal(c.Order, []string{"new", "acme"}) || !slices.Equal(c.Gone, []string{"big"}) ||
		c.Tenants[0].Tenant != "new" || c.Tenants[0].Sparkline == nil {
		t.Errorf("after another has overtaken: %+v", c)
	}
}

func TestASparklineIsSentOnlyIfItChanges(t *testing.T) {
	a := quick(t)
	f := a.follow("?q=acme")
	f.next("snapshot")
	if _, err := a.env.DB.Exec("UPDATE tenants SET monthly_quota = 5 WHERE name = " +
		"'acme'"); err != nil {
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
	a := newAPI(t, stacktest.Own(t), quickly)
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
