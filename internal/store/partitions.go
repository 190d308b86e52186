package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// The tables that are partitioned: events by day, rollups by month, both in UTC.
const (
	Events  = "events"
	Rollups = "rollups"
)

// PartitionState is how far the partitions of a table reach.
type PartitionState struct {
	// Oldest is where the oldest partition begins. It is not valid without a partition, nor
	// if the oldest has no beginning: rollups from before they had partitions.
	Oldest sql.NullTime `db:"oldest"`
	// Until is up to when, not included, every moment from now on has a partition. It is
	// not valid if now has none.
	Until sql.NullTime `db:"until"`
	// DefaultRows is how many rows lie in the default partition, 100,000 at most: those for
	// whose time there was no partition. It should be 0.
	DefaultRows int64 `db:"default_rows"`
}

// LastDay is the last whole (UTC) day that has partitions, from now on; ok is false if now has
// none.
func (s PartitionState) LastDay() (day time.Time, ok bool) {
	return s.Until.Time.UTC().Add(-24 * time.Hour).Truncate(24 * time.Hour), s.Until.Valid
}

// Partitions tells how far the partitions of Events or Rollups reach. It may be called with the
// rights of any role.
func Partitions(
	ctx context.Context, q sqlx.QueryerContext, table string, now time.Time,
) (PartitionState, error) {
	var s PartitionState
	err := sqlx.GetContext(ctx, q, &s, `SELECT CASE WHEN isfinite(oldest) THEN oldest END AS oldest,
		until, default_rows FROM partition_state($1, $2)`, table, now)
	if err != nil {
		return s, fmt.Errorf("read partitions of %s: %w", table, err)
	}
	return s, nil
}

// Kept is from when on events and rollups have all their rows: older ones were dropped with
// their partitions. The zero time means that none was.
type Kept struct{ Events, Rollups time.Time }

// Both is from when on both have all their rows.
func (k Kept) Both() time.Time {
	if k.Events.After(k.Rollups) {
		return k.Events
	}
	return k.Rollups
}

// KeptSince reads it. What is read after another query tells whether that one may have missed
// rows.
func KeptSince(ctx context.Context, q sqlx.QueryerContext) (Kept, error) {
	var rows []struct {
		Name  string
		Since time.Time
	}
	if err := sqlx.SelectContext(ctx, q, &rows, "SELECT name, since FROM retention"); err != nil {
		return Kept{}, fmt.Errorf("read since when rows are kept: %w", err)
	}
	var k Kept
	for _, r := range rows {
		switch r.Name {
		case Events:
			k.Events = r.Since.UTC()
		case Rollups:
			k.Rollups = r.Since.UTC()
		}
	}
	return k, nil
}

// HoldPartitions keeps partitions from being dropped until tx ends. It must be the first
// statement of a snapshot, which does not begin with it: otherwise partitions could be
// missing of which the snapshot does not know that they were dropped. Rows can be read and
// written meanwhile.
func HoldPartitions(ctx context.Context, tx sqlx.ExecerContext) error {
	_, err := tx.ExecContext(ctx, "LOCK TABLE ONLY events, ONLY rollups IN ACCESS SHARE MODE")
	if err != nil {
		return fmt.Errorf("hold partitions: %w", err)
	}
	return nil
}
