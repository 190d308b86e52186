package usage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/loop"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Live answers questions about current usage. It is safe for concurrent use.
type Live struct {
	db      *sqlx.DB
	valkey  *scripts.Valkey
	tenants *tenants.Directory
	now     func() time.Time

	refreshing chan struct{} // holds one value while a refresh runs
	view       atomic.Pointer[view]
	readers    []coalescer // by shard
	overviews  round[Overview]
	unsettled  []unsettled // by shard; only for overviews, which run one at a time
	rate       rate

	announced   []meter.Tenant // the directory at the last announcement; guarded by refreshing
	followersMu sync.Mutex
	followers   []*Changes
}

// New returns a Live without a view; until the first Refresh its answers are stale.
func New(db *sqlx.DB, valkey *scripts.Valkey, dir *tenants.Directory, now func() time.Time) *Live {
	l := &Live{db: db, valkey: valkey, tenants: dir, now: now,
		refreshing: make(chan struct{}, 1), readers: make([]coalescer, valkey.Shards()),
		unsettled: make([]unsettled, valkey.Shards())}
	for shard := range l.readers {
		l.readers[shard].live, l.readers[shard].shard = l, shard
	}
	return l
}

// Keep refreshes every second until ctx is done.
func (l *Live) Keep(ctx context.Context, log *slog.Logger) {
	loop.Every(ctx, time.Second, loop.Health{Log: log, Level: slog.LevelWarn,
		Failing: "live usage cannot be refreshed",
		Working: "live usage is refreshed again"}, l.Refresh)
}

// Read begins an answer about tenants of one shard without waiting for Postgres.
func (l *Live) Read(tenants []meter.Tenant) Lookup {
	return newReading(l.view.Load(), tenants, l.now())
}

// coverLimit is how long an answer waits for a view that covers its period. A Postgres
// that hangs must not make readers queue up behind each other.
const coverLimit = 2 * time.Second

// readCovered is Read with a view that covers every tenant, which may need a refresh right after a
// period's end. If no such view is available in time, the answer will be stale.
func (l *Live) readCovered(ctx context.Context, tenants []meter.Tenant) Lookup {
	r := l.Read(tenants)
	if r.complete() {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, coverLimit)
	defer cancel()
	if err := l.lock(ctx); err != nil {
		return r
	}
	defer l.unlock()
	if r = l.Read(tenants); r.complete() { // the last holder of the lock has read it
		return r
	}
	if err := l.refresh(ctx); err != nil {
		return r
	}
	return l.Read(tenants)
}

// Tenant returns the usage of the tenant that a name leads to, with its features, largest first;
// the caller must not change them. It returns store.ErrNoTenant for an unknown name, and an error
// if Valkey cannot be read.
func (l *Live) Tenant(ctx context.Context, name string) (meter.Usage, error) {
	tenant, ok := l.tenants.Get(name)
	if !ok {
		return meter.Usage{}, fmt.Errorf("%w: %q", store.ErrNoTenant, name)
	}
	return l.readers[scripts.ShardOf(tenant.Name, len(l.readers))].ask(ctx, tenant)
}

// All returns the usage of every tenant by name, archived ones included, without features.
func (l *Live) All(ctx context.Context) ([]meter.Usage, error) {
	return l.totals(ctx, l.tenants.All())
}

// Of is All for the named tenants. Names that are unknown are left out.
func (l *Live) Of(ctx context.Context, names []string) ([]meter.Usage, error) {
	tenants := make([]meter.Tenant, 0, len(names))
	for _, name := range names {
		if t, ok := l.tenants.Get(name); ok {
			tenants = append(tenants, t)
		}
	}
	return l.totals(ctx, tenants)
}

// totals answers for tenants of any shards, by name.
func (l *Live) totals(ctx context.Context, of []meter.Tenant) ([]meter.Usage, error) {
	usages := make([]meter.Usage, 0, len(of))
	for shard, tenants := range l.byShard(of) {
		if len(tenants) == 0 {
			continue
		}
		r := l.readCovered(ctx, tenants)
		unsettled, err := l.valkey.Totals(ctx, shard, r.Query())
		if errors.Is(err, scripts.ErrRewound) {
			unsettled = nil
		} else if err != nil {
			return nil, err
		}
		usages = append(usages, r.Usage(unsettled, l.now())...)
	}
	slices.SortFunc(usages, func(a, b meter.Usage) int {
		return cmp.Compare(a.Tenant.Name, b.Tenant.Name)
	})
	return usages, nil
}
