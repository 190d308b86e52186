package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/loop"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// What clients of GET /live may take. A client costs about 40 kB; a list that nobody else
// has costs a sort of all tenants each second.
const (
	maxFeedClients = 1000
	maxFeedLists   = 50
	// maxTenantClients is how many of them may be bound to the same tenant. All that are bound to
	// one have nine tenths of the places: the rest is for operators. Of those one key has half of
	// the places, and of the lists, at the most.
	maxTenantClients = 50
)

// errFeedFull reports that there are as many clients, or different lists, as may be: in all, or
// of one holder.
var errFeedFull = errors.New("too many live clients")

// feeds makes the states that clients of GET /live are told about: once a second for each
// distinct query, whoever waits for it. Nothing runs while there is no client.
type feeds struct {
	live   *usage.Live
	sheets *snapshotter
	log    *slog.Logger
	// every is the time from one state to the next.
	every time.Duration
	most  int // clients

	mu      sync.Mutex
	all     map[feedQuery]*feed
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

// feedQuery is what a client wants to be told about: a list, or a tenant.
type feedQuery struct {
	list   listQuery
	tenant string
	single bool
}

// one reports whether it is about one tenant, which costs next to nothing.
func (q feedQuery) one() bool { return q.single || q.list.only != "" }

// feed is one query's present state.
type feed struct {
	query   feedQuery
	first   budget.Holder // who has asked for it first
	clients int           // guarded by feeds.mu

	mu       sync.Mutex
	previous *feedState
	current  *feedState    // nil until it was made once
	step     []byte        // the frame from previous to current
	snapshot []byte        // the frame from nothing to current, once somebody needed it
	renewed  chan struct{} // closed when current changes
}

func newFeeds(live *usage.Live, sheets *snapshotter, log *slog.Logger) *feeds {
	return &feeds{live: live, sheets: sheets, log: log, every: time.Second, most: maxFeedClients, all: map[feedQuery]*feed{},
		by: map[budget.Holder]int{}, listsBy: map[budget.Holder]int{}, wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

// join adds a client of a query; the caller must leave again. It returns errFeedFull if
// there are too many, and an error if the feeds have ended.
func (f *feeds) join(q feedQuery, who budget.Holder) (*feed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.stop:
		return nil, errors.New("the server is stopping")
	default:
	}
	own := f.all[q]
	if !f.hasPlace(who) || own == nil && !q.one() && !f.hasList(who) {
		return nil, errFeedFull
	}
	if own == nil {
		own = &feed{query: q, first: who, renewed: make(chan struct{})}
		f.all[q] = own
		if !q.one() {
			f.lists++
			f.listsBy[who]++
		}
		select {
		case f.wake <- struct{}{}:
		default: // it will be looked at anyway
		}
	}
	own.clients++
	f.count(who, 1)
	f.served.Add(1)
	if !f.running {
		f.running = true
		f.served.Go(f.run)
	}
	return own, nil
}

// hasPlace reports whether one more client of a holder may come; f.mu is held.
func (f *feeds) hasPlace(who budget.Holder) bool {
	switch {
	case f.clients >= f.most:
		return false
	case who.Tenant != "":
		return f.by[who] < min(maxTenantClients, f.most/4) && f.bound < f.most*9/10
	}
	return who == (budget.Holder{}) || f.by[who] < f.most/2
}

// hasList reports whether a holder may ask for one more list that nobody else has; f.mu is held.
func (f *feeds) hasList(who budget.Holder) bool {
	return f.lists < maxFeedLists && (who == (budget.Holder{}) || f.listsBy[who] < maxFeedLists/2)
}

// count adds clients of a holder; f.mu is held.
func (f *feeds) count(who budget.Holder, n int) {
	f.clients += n
	if who.Tenant != "" {
		f.bound += n
	}
	if f.by[who] += n; f.by[who] == 0 {
		delete(f.by, who)
	}
}

// leave takes a client away.
func (f *feeds) leave(own *feed, who budget.Holder) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count(who, -1)
	if own.clients--; own.clients == 0 {
		delete(f.all, own.query)
		if !own.query.one() {
			f.lists--
			if f.listsBy[own.first]--; f.listsBy[own.first] == 0 {
				delete(f.listsBy, own.first)
			}
		}
	}
	f.served.Done()
}

// end tells all clients to close, and takes no new ones.
func (f *feeds) end() {
	f.mu.Lock() // who has joined before is waited for
	defer f.mu.Unlock()
	f.stopped.Do(func() { close(f.stop) })
}

// wait returns when all clients are gone after end.
func (f *feeds) wait() { f.served.Wait() }

// size is the number of clients.
func (f *feeds) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clients
}

// run renews every feed until the last client has left or the server ends.
func (f *feeds) run() {
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
func (f *feeds) due(onlyNew bool) ([]*feed, bool) {
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
func (f *feeds) renew(ctx context.Context, all []*feed) error {
	var sheet *listSnapshot
	var failed error
	for _, feed := range all {
		var next *feedState
		if feed.query.single {
			u, err := f.live.Tenant(ctx, feed.query.tenant)
			switch {
			case err == nil:
				next = &feedState{content: appendTenantUsage(nil, u), asOf: u.AsOf, stale: u.Stale}
			case errors.Is(err, store.ErrNoTenant): // it is gone: what is shown stays as it was
			default:
				failed = err
			}
		} else if failed == nil {
			if sheet == nil {
				o, err := f.live.Overview(ctx)
				if failed = err; err == nil {
					sheet = f.sheets.of(o)
				}
			}
			if sheet != nil {
				p := feed.query.list.page(sheet)
				next = &feedState{page: p, asOf: p.asOf, stale: p.stale}
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

// publish makes next the present state.
func (f *feed) publish(next *feedState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.previous, f.step, f.snapshot = f.current, nil, nil
	if f.current != nil {
		f.step = next.frame(f.current)
	}
	f.current = next
	close(f.renewed)
	f.renewed = make(chan struct{})
}

// present is the present state, nil if there is none yet.
func (f *feed) present() *feedState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

// next returns the present state, what to send to a client that has have, nil if nothing,
// and a channel that is closed when there is another state.
func (f *feed) next(have *feedState) (now *feedState, frame []byte, renewed <-chan struct{}) {
	f.mu.Lock()
	now, renewed = f.current, f.renewed
	switch {
	case now == nil || now == have:
	case have == nil:
		if f.snapshot == nil {
			f.snapshot = now.frame(nil)
		}
		frame = f.snapshot
	case have == f.previous:
		frame = f.step
	default: // a slow one has missed some: its own work, not under the lock
		f.mu.Unlock()
		return now, now.frame(have), renewed
	}
	f.mu.Unlock()
	return now, frame, renewed
}
