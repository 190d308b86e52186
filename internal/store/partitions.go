package store

import (
	"context"
	"database/sql"
	"errors"
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
func Partitions(ctx context.Context, q sqlx.QueryerContext, table string, now time.Time) (PartitionState, error) {
	var s PartitionState
	err := sqlx.GetContext(ctx, q, &s, `SELECT CASE WHEN isfinite(oldest) THEN oldest END AS oldest, until, default_rows FROM partition_state($1, $2)`, table, now)
	if err != nil {
		return s, fmt.Errorf("read partitions of %s: %w", table, err)
	}
	return s, nil
}

// KeptSince is from when on a table, Events or Rollups, has all its rows: older ones were
// dropped. The zero time means that none was.
func KeptSince(ctx context.Context, q sqlx.QueryerContext, table string) (since time.Time, err error) {
	err = sqlx.GetContext(ctx, q, &since, "SELECT since FROM retention WHERE name = $1", table)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read since when %s are kept: %w", table, err)
	}
	return since.UTC(), nil
}
