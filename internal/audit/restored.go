package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Restored audits all events of a database without the Valkey that belongs to it, as it is in a
// backup. Rows on their way are then told from the ledger, as a recovery does (package flusher,
// step 12): all rows that have an event which arrived after the last hand-out that left nothing
// behind, less ten minutes. Their sums are made again from events when the database is put to use.
func Restored(ctx context.Context, db *sqlx.DB) (report Report, err error) {
	err = store.Snapshot(ctx, db, snapshotLimit, func(ctx context.Context, tx *sqlx.Tx) error {
		var span struct{ From, To *time.Time }
		if err := tx.GetContext(ctx, &span, `SELECT min(created_at) AS from, max(created_at) + interval '1 minute' AS to FROM events`); err != nil {
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

// unsettledRows are the rows with events that arrived since the last hand-out of their shard
// that left nothing behind. Of several shards the one that was drained first counts for all.
const unsettledRows = `WITH drained AS (
		SELECT DISTINCT ON (shard) least(committed_at,
			to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)) - interval '10 minutes' AS at
		FROM flushes WHERE drained ORDER BY shard, seq DESC, id),
	since AS (SELECT CASE WHEN count(*) = (SELECT count(DISTINCT shard) FROM flushes)
		THEN (extract(epoch FROM min(at)) * 1000)::bigint END AS ms FROM drained)
	SELECT DISTINCT tenant, feature, floor(extract(epoch FROM created_at) / 60)::bigint AS minute
	FROM events WHERE id >= (SELECT rpad(lpad(to_hex(coalesce(ms, 0)), 12, '0'), 32, '0')::uuid FROM since)`

// readUnsettled adds the rows that events of the database itself say are on their way.
func (m *movingRows) readUnsettled(ctx context.Context, tx *sqlx.Tx) error {
	rows, err := tx.QueryContext(ctx, unsettledRows)
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
