package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// StoredEvent is a row of events.
type StoredEvent struct {
	ID      string         `db:"id"`
	Tenant  string         `db:"tenant"`
	Feature string         `db:"feature"`
	Amounts meter.Amounts  `db:"amounts"`
	At      time.Time      `db:"created_at"`
	Key     sql.NullString `db:"idempotency_key"` // the id that the client sent
}

// EventsAfter returns up to limit events of a tenant in the order of time and id: those from
// after on, behind the one with the id afterID if that is not empty, and before the instant
// before. There is no index by tenant: it reads all events of that time.
func EventsAfter(ctx context.Context, q sqlx.QueryerContext, tenant string, after time.Time,
	afterID string, before time.Time, limit int) ([]StoredEvent, error) {
	var behind *string
	if afterID != "" {
		behind = &afterID
	}
	var events []StoredEvent
	err := sqlx.SelectContext(ctx, q, &events, `SELECT id, tenant, feature, created_at,
			idempotency_key, `+ArrayOf(OfEvent)+` AS amounts FROM events
		WHERE tenant = $1 AND created_at >= $2 AND created_at < $3
			AND ($4::uuid IS NULL OR (created_at, id) > ($2, $4))
		ORDER BY created_at, id LIMIT $5`, tenant, after, before, behind, limit)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return events, nil
}
