package flusher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

const (
	// partitionsBehind is for how old an event there is a partition: it may be meter.MaxAge
	// old when it comes, and wait for Postgres.
	partitionsBehind = LeastRetention
	// partitionsAhead is for how long flushers may fail to make partitions.
	partitionsAhead = 7 * 24 * time.Hour
)

// partitionMetrics are about the partitions of events and rollups.
type partitionMetrics struct {
	until, strays *prometheus.GaugeVec
	dropped       *prometheus.CounterVec
	forgotten     prometheus.Counter
}

func newPartitionMetrics(reg prometheus.Registerer) partitionMetrics {
	f := promauto.With(reg)
	m := partitionMetrics{
		until: f.NewGaugeVec(prometheus.GaugeOpts{Name: "flagmeter_partitions_until_timestamp_seconds",
			Help: "Unix time up to which every moment has a partition, by table (events, rollups); 0 if now has none. Looked at every hour."}, []string{"table"}),
		strays: f.NewGaugeVec(prometheus.GaugeOpts{Name: "flagmeter_partitions_default_rows",
			Help: "Rows that the last look, every hour, found in the default partition of a table (events, rollups) because their own was missing; 100,000 at most. They are moved then."}, []string{"table"}),
		dropped: f.NewCounterVec(prometheus.CounterOpts{Name: "flagmeter_partitions_dropped_total",
			Help: "Partitions of a table (events, rollups) that were dropped because they were no longer kept."}, []string{"table"}),
		forgotten: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_ledger_rows_forgotten_total",
			Help: "Rows of the ledger that were deleted because no retry can ask for them any more."}),
	}
	for _, table := range []string{store.Events, store.Rollups} {
		m.dropped.WithLabelValues(table)
	}
	return m
}

// CreatePartitions makes the partitions of events and rollups for every time that ingest
// accepts, and the next seven days, moves rows there that lie in a default partition, and
// publishes what it has found.
func (f *Flusher) CreatePartitions(ctx context.Context) error {
	return errors.Join(f.createPartitions(ctx, store.Events), f.createPartitions(ctx, store.Rollups))
}

func (f *Flusher) createPartitions(ctx context.Context, table string) error {
	now := f.now().UTC()
	before, err := store.Partitions(ctx, f.db, table, now)
	if err != nil {
		return err
	}
	// Whoever looks at the metric shall see what had to be moved.
	f.metrics.partitions.strays.WithLabelValues(table).Set(float64(before.DefaultRows))
	if before.DefaultRows > 0 {
		f.log.Error("rows had no partition and lie in the default one, they are moved now", "table", table, "rows", before.DefaultRows)
	}
	var made int
	if err := f.longQueryDB.GetContext(ctx, &made, "SELECT create_partitions($1, $2, $3)", table, now.Add(-partitionsBehind), now.Add(partitionsAhead)); err != nil {
		return fmt.Errorf("create partitions of %s: %w", table, err)
	}
	if made > 0 {
		f.log.Info("created partitions", "table", table, "partitions", made)
	}
	after, err := store.Partitions(ctx, f.db, table, now)
	if err != nil {
		return err
	}
	until := 0.0
	if after.Until.Valid {
		until = float64(after.Until.Time.Unix())
	}
	f.metrics.partitions.until.WithLabelValues(table).Set(until)
	return nil
}
