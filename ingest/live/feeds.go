package live

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/ingest/query"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/loop"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// Feeds makes the states that clients of GET /live are told about: once a second for each
// distinct query, whoever waits for it. Nothing runs while there is no client.
type Feeds struct {
	usage     *usage.Live
	guard     *account.Guard
	snapshots *query.Snapshotter
	log       *slog.Logger
	// every is the time from one state to the next.
	every    time.Duration
	patience time.Duration // how long a client may take for a frame
	cut      time.Duration // and until it is cut off, without another word
	most     int           // clients

	mu      sync.Mutex
	all     map[question]*feed
	clients int
	bound   int                   // clients that are bound to a tenant
	by      map[budget.Holder]int // clients
	listsBy map[budget.Holder]int // lists that a holder was the first to ask for
	lists   int
	running bool // a goroutine is in run

	wake    chan struct{} // has a value when a feed waits for its first state
	stop    chan struct{} // closed when the server ends
	stopped sync.Once
	served  sync.WaitGroup // one for each client, and run
}

// Settings are what live clients may take.
type Settings struct {
	// Connections is how many the server may have: half of them may be live.
	Connections int
	// Every is the time from one state to the next; 0: a second.
	Every time.Duration
	// Patience is how long a client may take for a frame; 0: 5 s.
	Patience time.Duration
}

// New returns feeds for the callers of a guard. They share snapshots with the lists of package query.
func New(b backend.Backend, guard *account.Guard, snapshots *query.Snapshotter, s Settings,
	reg prometheus.Registerer) *Feeds {
	f := &Feeds{
		usage: b.Live, guard: guard, snapshots: snapshots, log: b.Log,
		every: cmp.Or(s.Every, time.Second), patience: cmp.Or(s.Patience, 5*time.Second),
		most: min(maxClients, s.Connections/2),
		all:  map[question]*feed{}, by: map[budget.Holder]int{}, listsBy: map[budget.Holder]int{},
		wake: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	f.cut = 2 * f.patience
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{Name: "flagmeter_live_clients",
		Help: "Open WebSockets of GET /live."}, func() float64 { return float64(f.size()) })
	return f
}

// run renews every feed until the last client has left or the server ends.
func (f *Feeds) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ticker := time.NewTicker(f.every)
	defer ticker.Stop()
	onlyNew := false
	health := loop.Health{Log: f.log, Level: slog.LevelError,
		Failing: "live clients get no new figures", Working: "live clients get new figures again"}
	for {
		due, ok := f.due(onlyNew)
		if !ok {
			return
		}
		health.Note(ctx, f.renew(ctx, due))
		select {
		case <-ticker.C:
			onlyNew = false
		case <-f.wake:
			onlyNew = true
		case <-f.stop:
			return
		}
	}
}

// due are the feeds to renew: all, or those without a state. It is false when none is left.
func (f *Feeds) due(onlyNew bool) ([]*feed, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = len(f.all) > 0
	var due []*feed
	for _, feed := range f.all {
		if !onlyNew || feed.present() == nil {
			due = append(due, feed)
		}
	}
	return due, f.running
}

// renew makes the present state of each feed. What cannot be read stays as it is, and stale.
func (f *Feeds) renew(ctx context.Context, all []*feed) error {
	var snapshot *query.Snapshot
	var failed error
	for _, feed := range all {
		var next *state
		if feed.query.single {
			u, err := f.usage.Tenant(ctx, feed.query.tenant)
			switch {
			case err == nil:
				next = &state{content: query.AppendTenantUsage(nil, u), asOf: u.AsOf, stale: u.Stale}
			case errors.Is(err, store.ErrNoTenant): // it is gone: what is shown stays as it was
			default:
				failed = err
			}
		} else if failed == nil {
			if snapshot == nil {
				o, err := f.usage.Overview(ctx)
				if failed = err; err == nil {
					snapshot = f.snapshots.Of(o)
				}
			}
			if snapshot != nil {
				p := feed.query.list.Page(snapshot)
				next = &state{page: p, asOf: p.AsOf, stale: p.Stale}
			}
		}
		if next == nil {
			if next = feed.present(); next == nil {
				continue
			}
			old := *next
			old.stale = true
			next = &old
		}
		feed.publish(next)
	}
	return failed
}
