package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// The kinds of entries.
const (
	Raw      = "raw"    // a batch of events
	Sum      = "sum"    // a batch of counters; also a repair and a note, which change no batch
	Recovery = "rewind" // from lost writes, under the id of its marker
)

// Entry is a row of the ledger.
type Entry struct {
	ID    string // a UUID, of the batch
	Shard int
	Kind  string
	// Position is the shard's when the batch was handed out, 0 if Valkey has none of it.
	Position Position
	// Rows and Tokens are how many events or rows of rollups the batch holds, and their tokens.
	Rows, Tokens int64
	// Tenants are those whose usage a sum changed; nil for other kinds.
	Tenants []string
	// Minutes are the first and last unix minute of a sum's rollups; nil if not known.
	Minutes *[2]int64
	// Drained says that with this batch everything is in Postgres that was over when it was
	// handed out.
	Drained bool
}

// Enter adds an entry unless the ledger has its id, and reports whether it did. If another
// transaction has entered the id, it waits until that has ended.
func Enter(ctx context.Context, tx sqlx.ExecerContext, e Entry) (entered bool, err error) {
	var tenants, first, last any
	if e.Tenants != nil {
		tenants = pq.Array(e.Tenants)
	}
	if e.Minutes != nil {
		first, last = e.Minutes[0], e.Minutes[1]
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO flushes
		(id, shard, kind, seq, rows, tokens, tenants, first_minute, last_minute, drained)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING`,
		e.ID, e.Shard, e.Kind, e.Position, e.Rows, e.Tokens, tenants, first, last, e.Drained)
	if err != nil {
		return false, fmt.Errorf("enter %s into the ledger: %w", e.ID, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("enter %s into the ledger: %w", e.ID, err)
	}
	return n == 1, nil
}

// PositionOf is the position of the entry with an id; ok is false if there is none.
func PositionOf(ctx context.Context, q sqlx.QueryerContext, id string) (p Position, ok bool, err error) {
	err = sqlx.GetContext(ctx, q, &p, "SELECT seq FROM flushes WHERE id = $1", id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("look for an entry of the ledger: %w", err)
	}
	return p, true, nil
}

// Lock keeps others from entering anything until the transaction ends.
func Lock(ctx context.Context, tx sqlx.ExecerContext) error {
	if _, err := tx.ExecContext(ctx, "LOCK TABLE flushes IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return fmt.Errorf("lock the ledger: %w", err)
	}
	return nil
}

// Forget deletes up to most entries that were committed before a time, but none of batches that
// still wait, and returns how many. Postgres decides what may go: function forget_flushes.
func Forget(ctx context.Context, q sqlx.QueryerContext, before time.Time, waiting []string, most int) (gone int, err error) {
	err = sqlx.GetContext(ctx, q, &gone, "SELECT forget_flushes($1, $2, $3)", before, pq.Array(waiting), most)
	if err != nil {
		return 0, fmt.Errorf("forget old entries of the ledger: %w", err)
	}
	return gone, nil
}
