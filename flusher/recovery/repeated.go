package recovery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/record"
)

// dropForgotten moves recovered events of days that are no longer kept to dead_events. Their
// absence from events does not prove that they were never counted. Ingest accepts none so old: they
// come from a Valkey that was restored from long ago, and were counted then.
func (t *recoveryTx) dropForgotten(ctx context.Context) error {
	var n int64
	err := t.tx.GetContext(ctx, &n, `WITH
		old AS (DELETE FROM recovered WHERE created_at < $1 RETURNING *),
		dead AS (INSERT INTO dead_events (batch, kind, content, reason)
			SELECT $2, 'raw', convert_to(`+record.Text+`, 'UTF8'),
				'recovered from lost writes, of a day that is no longer kept: '
				'whether it was counted is unknown' FROM old)
		SELECT count(*) FROM old`, t.kept, t.recoveryID)
	if err != nil {
		return fmt.Errorf("leave out events that are no longer kept: %w", err)
	}
	t.done.Dead += n
	return nil
}

// firstWith returns the id of the oldest recovered event that has a value in a column, and whether
// any event has one.
func (t *recoveryTx) firstWith(ctx context.Context, column string) (
	id uuid.UUID, any bool, err error,
) {
	err = t.tx.GetContext(ctx, &id,
		"SELECT id FROM recovered WHERE "+column+" IS NOT NULL ORDER BY id LIMIT 1")
	if errors.Is(err, sql.ErrNoRows) {
		return id, false, nil
	}
	if err != nil {
		return id, false, fmt.Errorf("look for %s: %w", column, err)
	}
	return id, true, nil
}

// dropRepeated drops recovered events whose client id Postgres already had within the dedupe window
// before. Ingest accepted them again because Valkey had forgotten the id. An event whose content
// differs should have been refused; it goes to dead_events.
func (t *recoveryTx) dropRepeated(ctx context.Context) error {
	first, any, err := t.firstWith(ctx, "idempotency_key")
	if err != nil || !any {
		return err
	}
	window := t.dedupe
	_, err = t.tx.ExecContext(ctx, `WITH again AS (
			DELETE FROM recovered r USING events e
			WHERE r.idempotency_key IS NOT NULL AND e.id >= $1 AND e.id < r.id
				AND e.tenant = r.tenant AND e.idempotency_key = r.idempotency_key
				AND `+record.Millis("r.id")+" - "+record.Millis("e.id")+` < $2
			RETURNING r.*, e.feature = r.feature AND e.tokens = r.tokens AS same)
		INSERT INTO dead_events (batch, kind, content, reason)
		SELECT $3, 'raw', convert_to(`+record.Text+`, 'UTF8'),
			'its id was used for another event' FROM again WHERE NOT same`,
		record.FirstID(record.TimeOf(first).Add(-window)), window.Milliseconds(), t.recoveryID)
	if err != nil {
		return fmt.Errorf("drop repeated events: %w", err)
	}
	return nil
}
