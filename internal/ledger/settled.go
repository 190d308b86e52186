package ledger

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// SettledBatch is a sum batch that Postgres has.
type SettledBatch struct {
	ID string `db:"id"`
	// Number is the ledger's order of entry. It may become visible out of order.
	Number int64 `db:"n"`
	// Tenants are those whose usage it changed.
	Tenants pq.StringArray `db:"tenants"`
	// First and Last are the unix minutes between which its rollups lie.
	First int64 `db:"first"`
	Last  int64 `db:"last"`
}

// LastNumber is the largest number of an entry that is visible now, 0 if there is none.
func LastNumber(ctx context.Context, q sqlx.QueryerContext) (n int64, err error) {
	if err := sqlx.GetContext(ctx, q, &n, "SELECT coalesce(max(n), 0) FROM flushes"); err != nil {
		return 0, fmt.Errorf("read the last number of the ledger: %w", err)
	}
	return n, nil
}

// SettledBatches returns the sum batches that are among ids or have a number above after.
func SettledBatches(ctx context.Context, q sqlx.QueryerContext, ids []string, after int64) ([]SettledBatch, error) {
	var batches []SettledBatch
	err := sqlx.SelectContext(ctx, q, &batches, `SELECT id, n, tenants,
		coalesce(first_minute, 0) AS first, coalesce(last_minute, 9223372036854775807) AS last FROM flushes
		WHERE kind = 'sum' AND (id = ANY ($1::uuid[]) OR n > $2)`, pq.Array(ids), after)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return batches, nil
}

// BusiestMinute is the largest number of events that one minute of the last day brought into
// Postgres. It reads at most the last 400,000 entries; the flusher writes one or two a second.
func BusiestMinute(ctx context.Context, q sqlx.QueryerContext) (events int64, err error) {
	err = sqlx.GetContext(ctx, q, &events, `SELECT coalesce(max(events), 0) FROM
		(SELECT sum(rows)::bigint AS events FROM flushes
		WHERE kind = 'raw' AND committed_at > now() - interval '1 day' AND n > (SELECT max(n) - 400000 FROM flushes)
		GROUP BY date_trunc('minute', committed_at)) AS m`)
	if err != nil {
		return 0, fmt.Errorf("look for the busiest minute in the ledger: %w", err)
	}
	return events, nil
}
