package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Restored audits all events of a database without its Valkey, as in a backup. The ledger then
// tells which rows have events on their way, as in a recovery (package flusher, step 12): all rows
// with an event that arrived after the last hand-out that left nothing behind, less ten minutes. A
// recovery rebuilds their sums from events when the database is put to use.
func Restored(ctx context.Context, db *sqlx.DB) (report Report, err error) {
	err = store.Snapshot(ctx, db, snapshotLimit, func(ctx context.Context, tx *sqlx.Tx) error {
		var span struct{ From, To *time.Time }
		err := tx.GetContext(ctx, &span,
			`SELECT min(created_at) AS from, max(created_at) + interval '1 minute' AS to
			FROM events`)
		if err != nil {
			return fmt.Errorf("look for the first event and the last: %w", err)
		}
		if span.From == nil {
			return nil // no event
		}
		q := Query{From: *span.From, To: *span.To}.rounded()
		zones, err := readZones(ctx, tx, q)
		if err != nil {
			return err
		}
		moving := newMoving(q)
		if err := moving.readUnsettled(ctx, tx); err != nil {
			return err
		}
		report, err = compare(ctx, tx, q, zones, moving)
		return err
	})
	return report, err
}

// readUnsettled adds the rows that, by the database's events, are on their way.
func (m *movingRows) readUnsettled(ctx context.Context, tx *sqlx.Tx) error {
	since, err := settledInAllShards(ctx, tx)
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, `SELECT DISTINCT tenant, feature,
			floor(extract(epoch FROM created_at) / 60)::bigint
		FROM events WHERE id >= $1`, record.FirstID(since))
	if err != nil {
		return fmt.Errorf("look for unsettled events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var row scripts.MinuteKey
		if err := rows.Scan(&row.Tenant, &row.Feature, &row.Minute); err != nil {
			return fmt.Errorf("look for unsettled events: %w", err)
		}
		m.add(row)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look for unsettled events: %w", err)
	}
	return nil
}

// settledInAllShards returns an instant: events that arrived before it are settled, in any shard.
// It is zero if none are known to be settled.
func settledInAllShards(ctx context.Context, tx *sqlx.Tx) (first time.Time, err error) {
	shards, err := ledger.Shards(ctx, tx)
	if err != nil {
		return first, err
	}
	for i, shard := range shards {
		before, ok, err := ledger.Settled(ctx, tx, shard)
		if err != nil || !ok {
			return time.Time{}, err
		}
		if i == 0 || before.Before(first) {
			first = before
		}
	}
	return first, nil
}
