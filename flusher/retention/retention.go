package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// A drop waits a quarter of a second for the users of the table, because others wait behind it.
// After that it lets them go on, and tries again after dropPause.
const (
	dropAttempts = 20
	dropPause    = time.Second
)

// ledgerStep is how many rows of the ledger one transaction deletes, which takes some milliseconds.
// An hour adds 3,600 rows or, with late events, twice as many.
const ledgerStep = 2000

// ledgerSteps is how many steps one run takes, so that it catches up.
const ledgerSteps = 50

// Options configure a Job. All are required.
type Options struct {
	DB          *sqlx.DB
	LongQueryDB *sqlx.DB // waits for long statements
	Valkey      *scripts.Valkey
	// Events and Rollups are how long raw events and rollups are kept, at least
	// meter.LeastRetention; 0 keeps them for ever.
	Events, Rollups time.Duration
	Now             func() time.Time
	Log             *slog.Logger
	Registerer      prometheus.Registerer
}

// Job creates and drops partitions, and deletes old rows of the ledger.
type Job struct {
	db          *sqlx.DB
	longQueryDB *sqlx.DB
	valkey      *scripts.Valkey
	kept        map[string]time.Duration // by table
	now         func() time.Time
	log         *slog.Logger
	metrics     metrics
}

// New returns a Job.
func New(o Options) *Job {
	return &Job{db: o.DB, longQueryDB: o.LongQueryDB, valkey: o.Valkey,
		kept: map[string]time.Duration{store.Events: o.Events, store.Rollups: o.Rollups},
		now:  o.Now, log: o.Log, metrics: newMetrics(o.Registerer)}
}

// Drop drops the partitions of events and rollups that are no longer kept, and deletes the rows of
// the ledger that no retry can ask for any more.
func (j *Job) Drop(ctx context.Context) error {
	return errors.Join(j.dropPartitions(ctx, store.Events), j.dropPartitions(ctx, store.Rollups),
		j.forgetLedger(ctx))
}

// dropPartitions drops, one by one, the partitions of a table that end before its retention.
func (j *Job) dropPartitions(ctx context.Context, table string) error {
	retention := j.kept[table]
	if retention == 0 {
		return nil
	}
	before := j.now().UTC().Add(-retention)
	for {
		name, err := j.dropPartition(ctx, table, before)
		if err != nil {
			return fmt.Errorf("drop partitions of %s before %s: %w", table,
				before.Format(time.DateOnly), err)
		}
		if name == nil {
			return nil
		}
		j.metrics.dropped.WithLabelValues(table).Inc()
		j.log.Info("dropped a partition that is no longer kept", "partition", *name)
	}
}

// dropPartition drops the oldest partition that ends by before; a nil name means that there is
// none.
func (j *Job) dropPartition(
	ctx context.Context, table string, before time.Time,
) (name *string, err error) {
	for attempt := 1; ; attempt++ {
		err = j.longQueryDB.GetContext(ctx, &name,
			"SELECT drop_old_partition($1, $2)", table, before)
		var busy *pq.Error
		if attempt == dropAttempts || !errors.As(err, &busy) ||
			busy.Code.Name() != "lock_not_available" {
			return name, err
		}
		select {
		case <-time.After(dropPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// forgetLedger deletes rows of the ledger that are older than meter.LeastRetention, in small steps.
// Batches that wait in Valkey keep their rows. They were sealed before their rows were written, so
// this list includes every batch in Valkey that has an old row. The package comment says why no
// other retry can ask for a row.
func (j *Job) forgetLedger(ctx context.Context) error {
	waiting := []string{}
	for shard := range j.valkey.Shards() {
		ids, err := j.valkey.Waiting(ctx, shard)
		if err != nil {
			return fmt.Errorf("forget ledger: %w", err)
		}
		waiting = append(waiting, ids...)
	}
	for range ledgerSteps {
		gone, err := ledger.Forget(ctx, j.db,
			j.now().UTC().Add(-meter.LeastRetention), waiting, ledgerStep)
		if err != nil {
			return err
		}
		j.metrics.forgotten.Add(float64(gone))
		if gone == 0 {
			return nil
		}
	}
	return nil
}
