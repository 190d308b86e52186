package usage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

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
}

// New returns a Live without a view; until the first Refresh its answers are stale.
func New(db *sqlx.DB, valkey *scripts.Valkey, dir *tenants.Directory, now func() time.Time) *Live {
	return &Live{db: db, valkey: valkey, tenants: dir, now: now, refreshing: make(chan struct{}, 1)}
}

// Keep refreshes every second until ctx is done, and logs when that begins and
// ceases to fail.
func (l *Live) Keep(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	failing := false
	for {
		err := l.Refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			log.Warn("live usage cannot be refreshed", "error", err)
		case err == nil && failing:
			log.Info("live usage is refreshed again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Read begins an answer about tenants of one shard without waiting for Postgres.
func (l *Live) Read(tenants []meter.Tenant) Reading {
	return newReading(l.view.Load(), tenants, l.now())
}

// coverLimit is how long an answer waits for a view that covers its period. A Postgres
// that hangs must not make readers queue up behind each other.
const coverLimit = 2 * time.Second

// readCovered is Read with a view that covers every tenant, which may need a refresh
// right after a period's end. If that cannot be had in time the answer will be stale.
func (l *Live) readCovered(ctx context.Context, tenants []meter.Tenant) Reading {
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
	if r = l.Read(tenants); r.complete() { // whoever held the lock has read it
		return r
	}
	if err := l.refresh(ctx); err != nil {
		return r
	}
	return l.Read(tenants)
}

// Tenant returns one tenant's usage with its features, largest first. It returns
// store.ErrNoTenant for an unknown name, and an error if Valkey cannot be read.
func (l *Live) Tenant(ctx context.Context, name string) (meter.Usage, error) {
	tenant, ok := l.tenants.Get(name)
	if !ok {
		return meter.Usage{}, fmt.Errorf("%w: %q", store.ErrNoTenant, name)
	}
	r := l.readCovered(ctx, []meter.Tenant{tenant})
	query := r.Query()
	unsettled, err := l.valkey.Features(ctx, scripts.ShardOf(name, l.valkey.Shards()), query)
	tokens := []int64{0}
	switch {
	case errors.Is(err, scripts.ErrRewound):
		tokens = nil
	case err != nil:
		return meter.Usage{}, err
	}
	for _, f := range unsettled {
		tokens[0] = meter.Add(tokens[0], f.Tokens)
	}
	usage := r.Usage(tokens, l.now())[0]
	usage.Features = unsettled
	if r.settled[0] != nil {
		usage.Features = addFeatures(unsettled, r.settled[0].features)
	}
	slices.SortFunc(usage.Features, func(a, b meter.FeatureUsage) int {
		return cmp.Or(cmp.Compare(b.Tokens, a.Tokens), cmp.Compare(a.Feature, b.Feature))
	})
	return usage, nil
}

func addFeatures(a, b []meter.FeatureUsage) []meter.FeatureUsage {
	at := make(map[string]int, len(a)+len(b))
	var sum []meter.FeatureUsage
	for _, f := range slices.Concat(a, b) {
		i, ok := at[f.Feature]
		if !ok {
			at[f.Feature] = len(sum)
			sum = append(sum, f)
			continue
		}
		sum[i].Tokens = meter.Add(sum[i].Tokens, f.Tokens)
		sum[i].Events += f.Events
	}
	return sum
}

// All returns the usage of every tenant by name, archived ones included, without features.
func (l *Live) All(ctx context.Context) ([]meter.Usage, error) {
	shards := make([][]meter.Tenant, l.valkey.Shards())
	for _, t := range l.tenants.All() {
		shard := scripts.ShardOf(t.Name, len(shards))
		shards[shard] = append(shards[shard], t)
	}
	var usages []meter.Usage
	for shard, tenants := range shards {
		r := l.readCovered(ctx, tenants)
		unsettled, err := l.valkey.Tokens(ctx, shard, r.Query())
		if errors.Is(err, scripts.ErrRewound) {
			unsettled = nil
		} else if err != nil {
			return nil, err
		}
		usages = append(usages, r.Usage(unsettled, l.now())...)
	}
	slices.SortFunc(usages, func(a, b meter.Usage) int { return cmp.Compare(a.Tenant.Name, b.Tenant.Name) })
	return usages, nil
}
