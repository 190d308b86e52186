package batch

import (
	"context"
	"errors"
	"fmt"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
)

// ErrOvertaken reports that the ledger has moved since the transaction's hand-out, or since a
// recovery read the ledger.
var ErrOvertaken = errors.New("the ledger has moved on")

// fence lets a transaction pass only if no later hand-out is in the ledger. Flushers do not exclude
// each other, but a recovery excludes all. A flusher that slept through a recovery, with older
// batches in memory, fails here, whatever their ids.
func (t Tx) fence(ctx context.Context, shard int, inHand ledger.Position) error {
	if _, err := t.ExecContext(ctx,
		"SELECT pg_advisory_xact_lock_shared(hashtext('flagmeter.shard'), $1)", shard); err != nil {
		return fmt.Errorf("lock shard: %w", err)
	}
	end, err := ledger.End(ctx, t, shard)
	if err != nil {
		return err
	}
	if end > inHand {
		return fmt.Errorf("%w: it is at %d, the hand-out at %d", ErrOvertaken, end, inHand)
	}
	return nil
}

// Exclude waits until no flush of the shard is inside its transaction, and keeps others out.
func (t Tx) Exclude(ctx context.Context, shard int) error {
	if _, err := t.ExecContext(ctx,
		"SELECT pg_advisory_xact_lock(hashtext('flagmeter.shard'), $1)", shard); err != nil {
		return fmt.Errorf("lock shard: %w", err)
	}
	return nil
}
