package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

const (
	// partitionsBehind is how far back partitions exist: an event may be meter.MaxAge old when it
	// arrives, and then wait for Postgres.
	partitionsBehind = meter.LeastRetention
	// partitionsAhead is how long flushers may fail to create partitions.
	partitionsAhead = 7 * 24 * time.Hour
)

// CreatePartitions creates the partitions of events and rollups for every time that ingest accepts
// and for the next seven days. It moves rows out of the default partitions into them and publishes
// what it found.
func (j *Job) CreatePartitions(ctx context.Context) error {
	return errors.Join(j.createPartitions(ctx, store.Events),
		j.createPartitions(ctx, store.Rollups))
}

func (j *Job) createPartitions(ctx context.Context, table string) error {
	now := j.now().UTC()
	before, err := store.Partitions(ctx, j.db, table, now)
	if err != nil {
		return err
	}
	// The metric shows how many rows had to be moved.
	j.metrics.strays.WithLabelValues(table).Set(float64(before.DefaultRows))
	if before.DefaultRows > 0 {
		j.log.Error("rows had no partition and are in the default one: they are moved now",
			"table", table, "rows", before.DefaultRows)
	}
	var made int
	err = j.longQueryDB.GetContext(ctx, &made, "SELECT create_partitions($1, $2, $3)",
		table, now.Add(-partitionsBehind), now.Add(partitionsAhead))
	if err != nil {
		return fmt.Errorf("create partitions of %s: %w", table, err)
	}
	if made > 0 {
		j.log.Info("created partitions", "table", table, "partitions", made)
	}
	after, err := store.Partitions(ctx, j.db, table, now)
	if err != nil {
		return err
	}
	until := 0.0
	if after.Until.Valid {
		until = float64(after.Until.Time.Unix())
	}
	j.metrics.until.WithLabelValues(table).Set(until)
	return nil
}
