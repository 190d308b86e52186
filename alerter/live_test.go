package alerter

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/alerter/outbox"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/backendtest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// pipeline is an alerter on real figures: events go through ingest.lua, usage comes from
// both stores.
type pipeline struct {
	testing.TB
	db      *sqlx.DB
	valkey  *scripts.Valkey
	live    *usage.Live
	alerter *Alerter
	group   int64
}

func newPipeline(tb testing.TB) *pipeline {
	tb.Helper()
	env := stacktest.New(tb)
	b := backendtest.Of(env.AppDB, scripts.New(env.AppValkey, 1), time.Now)
	p := &pipeline{TB: tb, db: env.DB, valkey: b.Valkey, live: b.Live}
	p.alerter = New(Options{DB: env.AppDB, Usage: p.live, Changes: p.live.Changes(), Log: b.Log,
		Outbox: outbox.New(outbox.Options{DB: env.AppDB, AllowPrivate: true, Log: b.Log})})
	return p
}

func (p *pipeline) exec(query string, args ...any) {
	p.Helper()
	if _, err := p.db.Exec(query, args...); err != nil {
		p.Fatal(err)
	}
}

// use has tokens of each tenant acknowledged.
func (p *pipeline) use(tokens int64, names ...string) {
	p.Helper()
	now := time.Now()
	p.group++
	g := scripts.Group{Committer: "c", Number: p.group, Lines: []byte("x")}
	for _, name := range names {
		g.Counters = append(g.Counters,
			scripts.Counter{Minute: now.Unix() / 60, Day: meter.DayAt(now, time.UTC),
				Tenant: name, Feature: "chat", Amounts: meter.Amounts{tokens, 1}})
	}
	_, _, err := p.valkey.Ingest(context.Background(), 0, g, time.Hour, scripts.Query{})
	if err != nil {
		p.Fatal(err)
	}
}

func (p *pipeline) check() Result {
	p.Helper()
	r, err := p.alerter.Check(context.Background())
	if err != nil {
		p.Fatal(err)
	}
	return r
}

func (p *pipeline) refresh() {
	p.Helper()
	if err := p.live.Refresh(context.Background()); err != nil {
		p.Fatal(err)
	}
}

// TestEveryCrossingIsToldOnce runs with the clock on the wall, as it does by default: crossings at
// moments that fall anywhere between two ticks.
func TestEveryCrossingIsToldOnce(t *testing.T) {
	t.Parallel()
	t.Logf("the longest took %v from the ack to the request", crossings(t, 12))
}

// BenchmarkFromAckToRequest measures the longest of 12 crossings: 2 s are promised.
//
//	go test ./alerter -run '^$' -bench FromAckToRequest -benchtime 3x
func BenchmarkFromAckToRequest(b *testing.B) {
	var longest time.Duration
	for b.Loop() {
		longest = max(longest, crossings(b, 12))
	}
	b.ReportMetric(longest.Seconds(), "longest-s/crossing")
}

// crossings lets n tenants cross a threshold, one after the other, and waits until each has had its
// message. It returns the longest time from an ack to the request.
func crossings(tb testing.TB, n int) (longest time.Duration) {
	var arrived sync.Map // path to time
	var count atomic.Int32
	all := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, twice := arrived.LoadOrStore(r.URL.Path, time.Now()); twice {
			tb.Errorf("%s got two messages", r.URL.Path)
		}
		if count.Add(1) == int32(n) {
			close(all)
		}
	}))
	tb.Cleanup(srv.Close)
	p := newPipeline(tb)
	name := func(i int) string { return fmt.Sprintf("tenant-%d", i) }
	for i := range n {
		p.exec("INSERT INTO tenants (name, monthly_quota) VALUES ($1, 1000)", name(i))
		p.exec("INSERT INTO slack_webhooks (tenant, url) VALUES ($1, $2)", name(i), srv.URL+"/"+name(i))
	}
	ctx, cancel := context.WithCancel(tb.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	p.refresh()
	running.Go(func() { p.live.Keep(ctx, slog.New(slog.DiscardHandler)) })
	running.Go(func() { _ = p.alerter.Run(ctx) })

	acks := map[string]time.Time{}
	moments := time.NewTicker(370 * time.Millisecond)
	defer moments.Stop()
	for i := range n {
		<-moments.C
		p.use(800, name(i))
		acks[name(i)] = time.Now()
	}
	waittest.Receive(tb, "every message has come", all)
	for tenant, ack := range acks {
		at, _ := arrived.Load("/" + tenant)
		longest = max(longest, at.(time.Time).Sub(ack))
	}
	return longest
}

// Only those that have changed are looked at, and nobody is forgotten.
func TestLooksAtWhoHasChanged(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	p.exec("INSERT INTO tenants (name, monthly_quota) SELECT 'tenant-' || n, 1000" +
		" FROM generate_series(0, 99) n")
	p.refresh()
	looks := func(why string, want Result) {
		t.Helper()
		if r := p.check(); r != want {
			t.Errorf("%s: got %+v, want %+v", why, r, want)
		}
	}
	looks("first", Result{Tenants: 100})
	looks("idle", Result{})
	p.use(700, "tenant-1", "tenant-2")
	looks("two have used something", Result{Tenants: 2})
	p.use(100, "tenant-2")
	looks("a crossing", Result{Tenants: 1, Fired: 1})
	looks("is looked at once more", Result{Tenants: 1})
	looks("idle", Result{})
	p.exec("UPDATE tenants SET monthly_quota = 875 WHERE name = 'tenant-1'")
	looks("before the edit is in force", Result{})
	p.refresh()
	looks("a smaller quota", Result{Tenants: 1, Fired: 1})
	p.alerter.addAll()
	looks("the pass over all", Result{Tenants: 100})
	looks("idle", Result{})
	// Both alerts are younger than 2 s: a decision to clear them must wait, on the agenda.
	p.exec("UPDATE tenants SET monthly_quota = 10000")
	p.refresh()
	looks("raised at once", Result{Tenants: 100})
	looks("not forgotten", Result{Tenants: 2})
	p.exec("UPDATE alerts SET fired_at = fired_at - interval '2 seconds'")
	looks("old enough", Result{Tenants: 2, Cleared: 2})
	looks("once more", Result{Tenants: 2})
	looks("idle", Result{})
}

// BenchmarkTick is a tick over 10,000 tenants, 1,000 of them with an open alert, of whom none,
// 100 or all have sent an event since the tick before.
func BenchmarkTick(b *testing.B) {
	p := newPipeline(b)
	p.exec("INSERT INTO tenants (name, monthly_quota) SELECT 'tenant-' || n, 1000000000" +
		" FROM generate_series(0, 9999) n")
	names := make([]string, 10_000)
	for i := range names {
		names[i] = fmt.Sprintf("tenant-%d", i)
	}
	p.refresh()
	for part := 0; part < len(names); part += 1000 {
		p.use(1000, names[part:part+1000]...)
	}
	p.use(900_000_000, names[:1000]...)
	for p.check().Tenants > 0 {
	}
	for _, changed := range []int{0, 100, 10_000} {
		b.Run(fmt.Sprintf("changed=%d", changed), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				p.refresh()
				for part := 0; part < changed; part += 1000 {
					p.use(1, names[part:min(part+1000, changed)]...)
				}
				b.StartTimer()
				if r := p.check(); r.Tenants != changed || r.Fired != 0 {
					b.Fatalf("got %+v", r)
				}
			}
		})
	}
}
