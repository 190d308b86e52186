package flusher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// LeastRetention is the shortest time for which events, rollups and the ledger are kept: an
// event may be meter.MaxAge old when it comes, and then wait for a Postgres that is away. The
// functions of migration 0010 refuse to drop anything younger.
const LeastRetention = meter.MaxAge + 5*24*time.Hour

// Whoever drops a partition waits a quarter of a second for those who use the table, because
// others wait behind it. After that it lets them go on.
const (
	dropAttempts = 20
	dropPause    = time.Second
)

// ledgerStep is how many rows of the ledger one transaction deletes: some milliseconds. An hour
// adds 3,600 or, with late events, twice as many.
const ledgerStep = 2000

// ledgerSteps is how many steps one run takes, so that it catches up.
const ledgerSteps = 50

// Retain drops the partitions of events and rollups that are no longer kept, and forgets the
// rows of the ledger for which no retry can ask any more.
func (f *Flusher) Retain(ctx context.Context) error {
	return errors.Join(f.dropPartitions(ctx, store.Events), f.dropPartitions(ctx, store.Rollups), f.forgetFlushes(ctx))
}

// dropPartitions drops, one by one, the partitions of a table that end before its retention.
func (f *Flusher) dropPartitions(ctx context.Context, table string) error {
	retention := f.retention[table]
	if retention == 0 {
		return nil
	}
	before := f.now().UTC().Add(-retention)
	for {
		name, err := f.dropPartition(ctx, table, before)
		if err != nil {
			return fmt.Errorf("drop partitions of %s before %s: %w", table, before.Format(time.DateOnly), err)
		}
		if name == nil {
			return nil
		}
		f.metrics.partitions.dropped.WithLabelValues(table).Inc()
		f.log.Info("dropped a partition that is no longer kept", "partition", *name)
	}
}

// dropPartition drops the oldest one that ends by before; nil means that there is none.
func (f *Flusher) dropPartition(ctx context.Context, table string, before time.Time) (name *string, err error) {
	for attempt := 1; ; attempt++ {
		err = f.longQueryDB.GetContext(ctx, &name, "SELECT drop_old_partition($1, $2)", table, before)
		var busy *pq.Error
		if attempt == dropAttempts || !errors.As(err, &busy) || busy.Code.Name() != "lock_not_available" {
			return name, err
		}
		select {
		case <-time.After(dropPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// forgetFlushes deletes rows of the ledger that are older than LeastRetention, in small steps.
// Batches that wait in Valkey keep theirs: they were sealed before their row was written, so
// whatever has an old row and is in Valkey is in this list. Why no other retry can ask for a
// row is in the package comment.
func (f *Flusher) forgetFlushes(ctx context.Context) error {
	waiting := []string{}
	for shard := range f.valkey.Shards() {
		ids, err := f.valkey.Waiting(ctx, shard)
		if err != nil {
			return fmt.Errorf("forget ledger: %w", err)
		}
		waiting = append(waiting, ids...)
	}
	for range ledgerSteps {
		gone, err := ledger.Forget(ctx, f.db, f.now().UTC().Add(-LeastRetention), waiting, ledgerStep)
		if err != nil {
			return err
		}
		f.metrics.partitions.forgotten.Add(float64(gone))
		if gone == 0 {
			return nil
		}
	}
	return nil
}
