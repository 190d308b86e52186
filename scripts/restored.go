package scripts

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
)

// postgresRestored is the reason of a marker that says that Postgres, not Valkey, is the older.
const postgresRestored = "postgres was restored from a backup"

// Marked is what a shard knew when it was told that Postgres was restored.
type Marked struct {
	// Position is its number of hand-outs.
	Position ledger.Position
	// Flushed is how many events have left it for Postgres, see flushedKey.
	Flushed int64
	// Waiting are the ids of the raw batches that have not.
	Waiting []string
}

// MarkRestored notes that Postgres was restored from a backup whose ledger has reached a position, and
// returns when Valkey has that on disk. Nothing is accepted or sealed from then on until a
// flusher has recovered: see SealAll. It may be repeated.
func (v *Valkey) MarkRestored(
	ctx context.Context, shard int, reached ledger.Position,
) (m Marked, err error) {
	keys := []string{rewoundKey(shard), seqKey(shard), flushedKey(shard), sealedRawKey(shard)}
	reply, err := v.durably(ctx, shard, call{restoredScript, keys, []any{uuid.Must(uuid.NewV7()).String(), reached, postgresRestored}})
	if err != nil {
		return m, fmt.Errorf("note that postgres was restored: %w", err)
	}
	if len(reply) != 3 {
		return m, fmt.Errorf("note that postgres was restored: unexpected reply of %d parts", len(reply))
	}
	m.Position = position(reply[0])
	m.Flushed, _ = reply[1].(int64)
	waiting, _ := reply[2].([]any)
	for _, id := range waiting {
		m.Waiting = append(m.Waiting, fmt.Sprint(id))
	}
	return m, nil
}

// Forget makes a shard forget all event ids and the sums of settled batches, while the loss with
// that marker is being dealt with: the restored Postgres may not have what they are of. It may be
// repeated. Remember must follow.
func (v *Valkey) Forget(ctx context.Context, shard int, marker string) error {
	keys := []string{rewoundKey(shard), slicesKey(shard), settledKey(shard), droppedKey(shard)}
	if _, err := v.run(ctx, nil, call{forgetScript, keys, []any{marker, sumPrefix(shard)}}); err != nil {
		return fmt.Errorf("forget what postgres has lost: %w", err)
	}
	return nil
}
