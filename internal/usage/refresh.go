package usage

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// snapshotLimit is the longest a view may take to read; it must be well below Grace.
const snapshotLimit = 10 * time.Second

// Renew is Refresh for one of many callers that found a view too old: it does nothing if the
// current view is already another one.
func (l *Live) Renew(ctx context.Context, seen ViewID) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	if l.view.Load() != seen.view {
		return nil
	}
	return l.refresh(ctx)
}

// Refresh renews the view and the directory of tenants. Concurrent calls wait for
// each other. On an error the view stays as it was and grows older.
func (l *Live) Refresh(ctx context.Context) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	return l.refresh(ctx)
}

func (l *Live) lock(ctx context.Context) error {
	select {
	case l.refreshing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for another refresh: %w", ctx.Err())
	}
}

func (l *Live) unlock() { <-l.refreshing }

// refresh is Refresh for the holder of the lock.
func (l *Live) refresh(ctx context.Context) error {
	if err := l.measureRate(ctx); err != nil { // first: it needs no Postgres
		return err
	}
	if err := l.tenants.Refresh(ctx); err != nil {
		return err
	}
	next, err := l.read(ctx, l.view.Load())
	if err != nil {
		return err
	}
	l.view.Store(next)
	l.announce(next)
	return nil
}

// read makes the view that follows prev, which may be nil.
func (l *Live) read(ctx context.Context, prev *view) (*view, error) {
	return l.snapshot(ctx, prev, func(ctx context.Context, tx *sqlx.Tx, prev, next *view,
		batches []ledger.SettledBatch) error {
		if prev.recovered(next) {
			prev = &view{}
		}
		changed := map[string]span{}
		for _, b := range batches {
			if !prev.knows(b.ID) {
				for _, tenant := range b.Tenants {
					changed[tenant] = changed[tenant].with(span{b.First, b.Last})
				}
			}
		}
		if err := l.readTenants(ctx, tx, prev, next, changed); err != nil {
			return err
		}
		return l.readRecent(ctx, tx, prev, next, changed)
	})
}

// snapshot takes steps (i) and (ii): use reads what it needs from Postgres, in the transaction that
// also reads which batches are settled. next is a view without tenants. batches are those that may
// have been settled since prev, which is never nil for use.
func (l *Live) snapshot(ctx context.Context, prev *view,
	use func(ctx context.Context, tx *sqlx.Tx, prev, next *view,
		batches []ledger.SettledBatch) error,
) (*view, error) {
	now := l.now()
	sums, err := l.sums(ctx) // step (i)
	if err != nil {
		return nil, err
	}
	if prev == nil || l.now().Sub(prev.taken) >= Grace || now.Before(prev.taken) {
		// Start anew, again with the ledger's end before step (i).
		last, err := ledger.LastNumber(ctx, l.db)
		if err != nil {
			return nil, err
		}
		prev = &view{last: last}
		if sums, err = l.sums(ctx); err != nil {
			return nil, err
		}
	}
	next := &view{taken: now, last: prev.last,
		positions: make([]ledger.Position, l.valkey.Shards())}
	for shard := range next.positions { // after the ids: see the package comment
		if next.positions[shard], err = l.valkey.Position(ctx, shard); err != nil {
			return nil, err
		}
	}
	// Step (ii).
	err = store.Snapshot(ctx, l.db, snapshotLimit, func(ctx context.Context, tx *sqlx.Tx) error {
		ends, err := ledger.Ends(ctx, tx, len(next.positions))
		if err != nil {
			return err
		}
		for shard, end := range ends {
			next.positions[shard] = max(next.positions[shard], end)
		}
		batches, err := ledger.SettledBatches(ctx, tx, sums.ids(), prev.last)
		if err != nil {
			return err
		}
		for _, b := range batches {
			next.settled = append(next.settled, b.ID)
			next.last = max(next.last, b.Number)
		}
		next.missingFrom = sums.missingFrom(next)
		return use(ctx, tx, prev, next, batches)
	})
	if err != nil {
		return nil, err
	}
	for shard, position := range next.positions {
		l.valkey.Known(shard, position)
	}
	return next, nil
}

// heldSums are the sum batches that Valkey held at step (i), by shard.
type heldSums []scripts.SumBatches

func (l *Live) sums(ctx context.Context) (heldSums, error) {
	all := make(heldSums, l.valkey.Shards())
	for shard := range all {
		var err error
		if all[shard], err = l.valkey.SumBatches(ctx, shard); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (h heldSums) ids() (ids []string) {
	for _, s := range h {
		for _, b := range slices.Concat(s.Waiting, s.Settled) {
			ids = append(ids, b.ID)
		}
	}
	return ids
}

// missingFrom returns, for each shard, the number of the first batch that v may not contain: the
// first held batch that is not settled in v, or else the one after all that were sealed before.
func (h heldSums) missingFrom(v *view) []int64 {
	lacks := make([]int64, len(h))
	for shard, s := range h {
		last, first := s.DroppedThrough, int64(math.MaxInt64)
		for _, b := range slices.Concat(s.Waiting, s.Settled) {
			last = max(last, b.Number)
			if !v.knows(b.ID) {
				first = min(first, b.Number)
			}
		}
		lacks[shard] = min(first, last+1)
	}
	return lacks
}

// recovered reports whether a flusher has recovered from a loss of writes between the two views:
// that changes the usage of tenants that no sum batch names.
func (v *view) recovered(next *view) bool {
	for shard, position := range v.positions {
		if next.positions[shard].RecoveredSince(position) {
			return true
		}
	}
	return false
}

// readTenants fills next.tenants: unchanged ones from prev, the others from the snapshot.
func (l *Live) readTenants(
	ctx context.Context, tx *sqlx.Tx, prev, next *view, changed map[string]span) error {
	all := l.tenants.All()
	next.tenants = make(map[string]*periodUsage, len(all))
	var ask []meter.TenantDays
	for _, t := range all {
		_, isChanged := changed[t.Name]
		if before := prev.tenants[t.Name]; before.covers(t, next.taken) && !isChanged {
			next.tenants[t.Name] = before
			continue
		}
		s := &periodUsage{
			period: t.Period(next.taken), billingDay: t.BillingDay, zone: t.Zone.String()}
		next.tenants[t.Name] = s
		next.renewed = append(next.renewed, t.Name)
		ask = append(ask, meter.TenantDays{Tenant: t.Name, From: s.period.From, To: s.period.To})
	}
	if len(ask) == 0 {
		return nil
	}
	rows, err := store.PeriodUsages(ctx, tx, ask)
	if err != nil {
		return err
	}
	for _, row := range rows {
		s := next.tenants[row.Tenant]
		s.used = s.used.Add(row.Used)
		s.features = append(s.features, meter.FeatureUsage{Feature: row.Feature, Used: row.Used})
	}
	return nil
}
