package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/record"
)

// End is the position that the ledger has reached in a shard, 0 if it has none of it.
func End(ctx context.Context, q sqlx.QueryerContext, shard int) (p Position, err error) {
	err = sqlx.GetContext(ctx, q, &p, "SELECT coalesce(max(seq), 0) FROM flushes WHERE shard = $1", shard)
	if err != nil {
		return 0, fmt.Errorf("read the end of the ledger: %w", err)
	}
	return p, nil
}

// Ends are the positions that the ledger has reached, by shard.
func Ends(ctx context.Context, q sqlx.QueryerContext, shards int) ([]Position, error) {
	ends := make([]Position, 0, shards)
	err := sqlx.SelectContext(ctx, q, &ends, `SELECT coalesce((SELECT max(seq) FROM flushes WHERE shard = s), 0)
		FROM generate_series(0, $1 - 1) AS s ORDER BY s`, shards)
	if err != nil {
		return nil, fmt.Errorf("read the ends of the ledger: %w", err)
	}
	return ends, nil
}

// LastCommit is when the last entry of a shard up to a position was committed, by Postgres'
// clock; ok is false if there is none.
func LastCommit(ctx context.Context, q sqlx.QueryerContext, shard int, upTo Position) (at time.Time, ok bool, err error) {
	var last sql.NullTime
	err = sqlx.GetContext(ctx, q, &last,
		"SELECT max(committed_at) FROM flushes WHERE shard = $1 AND seq <= $2", shard, upTo)
	if err != nil {
		return at, false, fmt.Errorf("read the last commit of the ledger: %w", err)
	}
	return last.Time, last.Valid, nil
}

// Unsettled is how long before a drained hand-out an event can have arrived and still not be
// settled with it: its minute is open, up to 5 minutes ahead. The rest is for clocks that differ.
const Unsettled = 10 * time.Minute

// Settled is an instant: the events of a shard that arrived before it, and their sums, are in
// Postgres. ok is false if nothing is known to be.
func Settled(ctx context.Context, q sqlx.QueryerContext, shard int) (before time.Time, ok bool, err error) {
	var drained struct {
		ID uuid.UUID
		At time.Time `db:"committed_at"`
	}
	err = sqlx.GetContext(ctx, q, &drained, `SELECT id, committed_at FROM flushes
		WHERE shard = $1 AND drained ORDER BY seq DESC, id LIMIT 1`, shard)
	if errors.Is(err, sql.ErrNoRows) {
		return before, false, nil
	}
	if err != nil {
		return before, false, fmt.Errorf("look for the last drained hand-out: %w", err)
	}
	// The id was made by the clock of a flusher, which may have been ahead then.
	before = record.TimeOf(drained.ID)
	if drained.At.Before(before) {
		before = drained.At
	}
	return before.Add(-Unsettled), true, nil
}

// Shards are the numbers of the shards that the ledger has entries of, in order.
func Shards(ctx context.Context, q sqlx.QueryerContext) (shards []int, err error) {
	err = sqlx.SelectContext(ctx, q, &shards, "SELECT DISTINCT shard FROM flushes ORDER BY shard")
	if err != nil {
		return nil, fmt.Errorf("list the shards of the ledger: %w", err)
	}
	return shards, nil
}

// Flushed is how many events of a shard the ledger says are in Postgres, without batches that
// still wait. complete is false if it does not go back to the first batch or a recovery has
// taken events past it.
func Flushed(ctx context.Context, q sqlx.QueryerContext, shard int, waiting []string) (events int64, complete bool, err error) {
	var found struct {
		Events   int64
		Complete bool
	}
	err = sqlx.GetContext(ctx, q, &found, `SELECT
		coalesce(sum(rows) FILTER (WHERE kind = 'raw' AND NOT id = ANY (coalesce($2::uuid[], '{}'))), 0)::bigint AS events,
		coalesce((SELECT min(n) = 1 FROM flushes), true) AND NOT coalesce(bool_or(kind = 'rewind'), false) AS complete
		FROM flushes WHERE shard = $1`, shard, pq.Array(waiting))
	if err != nil {
		return 0, false, fmt.Errorf("count events of the ledger: %w", err)
	}
	return found.Events, found.Complete, nil
}

// Summary is what a backup notes of the ledger.
type Summary struct {
	Entries int64
	// LastCommit is by Postgres' clock, nil without an entry.
	LastCommit *time.Time `db:"last_commit"`
	Ends       []ShardEnd
}

// ShardEnd is the position that the ledger has reached in a shard.
type ShardEnd struct {
	Shard    int      `json:"shard" db:"shard"`
	Position Position `json:"seq" db:"seq"`
}

// Summarize reads the whole ledger.
func Summarize(ctx context.Context, q sqlx.QueryerContext) (s Summary, err error) {
	err = sqlx.GetContext(ctx, q, &s, "SELECT count(*) AS entries, max(committed_at) AS last_commit FROM flushes")
	if err != nil {
		return s, fmt.Errorf("count the entries of the ledger: %w", err)
	}
	err = sqlx.SelectContext(ctx, q, &s.Ends, "SELECT shard, max(seq) AS seq FROM flushes GROUP BY shard ORDER BY shard")
	if err != nil {
		return s, fmt.Errorf("read the ends of the ledger: %w", err)
	}
	return s, nil
}
