package flusher

import (
	"context"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// errOvertaken reports that the ledger has gone on since the hand-out, or since the
// look at the ledger, that a transaction belongs to.
var errOvertaken = errors.New("the ledger has gone on")

// ledgerSeq is the largest hand-out of the shard in the ledger, 0 if there is none.
func ledgerSeq(ctx context.Context, q sqlx.QueryerContext, shard int) (int64, error) {
	var seq int64
	err := sqlx.GetContext(ctx, q, &seq, "SELECT coalesce(max(seq), 0) FROM flushes WHERE shard = $1", shard)
	if err != nil {
		return 0, fmt.Errorf("read seq of ledger: %w", err)
	}
	return seq, nil
}

// fence lets a transaction pass only if no later hand-out is in the ledger. Flushers do
// not exclude each other, but a recovery excludes all: a flusher that slept through it
// with batches from before in memory is turned away here, whatever their ids.
func (t transaction) fence(ctx context.Context, shard int, handOut int64) error {
	if _, err := t.ExecContext(ctx, "SELECT pg_advisory_xact_lock_shared(hashtext('flagmeter.shard'), $1)", shard); err != nil {
		return fmt.Errorf("lock shard: %w", err)
	}
	seq, err := ledgerSeq(ctx, t, shard)
	if err != nil {
		return err
	}
	if seq > handOut {
		return fmt.Errorf("%w: it has hand-out %d, in hand is %d", errOvertaken, seq, handOut)
	}
	return nil
}

// exclude waits until no flush of the shard is in its transaction and keeps others out.
func (t transaction) exclude(ctx context.Context, shard int) error {
	if _, err := t.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext('flagmeter.shard'), $1)", shard); err != nil {
		return fmt.Errorf("lock shard: %w", err)
	}
	return nil
}
