package scripts

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
)

// postgresRestored is the reason in a marker for a restored Postgres, which is older than Valkey.
const postgresRestored = "postgres was restored from a backup"

// Marked is the state of a shard when MarkRestored marked it.
type Marked struct {
	// Position is its position.
	Position ledger.Position
	// Flushed is how many events have left it for Postgres, see flushedKey.
	Flushed int64
	// Waiting are the ids of the raw batches that have not left it.
	Waiting []string
}

// MarkRestored notes that Postgres was restored from a backup whose ledger has reached a position,
// and returns when Valkey has that note on disk. From then on nothing is accepted or sealed until a
// flusher has recovered: see SealAll. It may be repeated.
func (v *Valkey) MarkRestored(
	ctx context.Context, shard int, reached ledger.Position,
) (m Marked, err error) {
	keys := []string{rewoundKey(shard), seqKey(shard), flushedKey(shard), sealedRawKey(shard)}
	args := []any{uuid.Must(uuid.NewV7()).String(), reached, postgresRestored}
	reply, err := v.durably(ctx, shard, call{restoredScript, keys, args})
	if err != nil {
		return m, fmt.Errorf("note that postgres was restored: %w", err)
	}
	if len(reply) != 3 {
		return m, fmt.Errorf("note that postgres was restored: unexpected reply of %d parts",
			len(reply))
	}
	m.Position = position(reply[0])
	m.Flushed, _ = reply[1].(int64)
	waiting, _ := reply[2].([]any)
	for _, id := range waiting {
		m.Waiting = append(m.Waiting, fmt.Sprint(id))
	}
	return m, nil
}

// Forget makes a shard forget all event ids and the sums of settled batches during the recovery
// with that marker: the restored Postgres may lack the events to which they belong. It may be
// repeated. Remember must follow.
func (v *Valkey) Forget(ctx context.Context, shard int, marker string) error {
	keys := []string{rewoundKey(shard), slicesKey(shard), settledKey(shard), droppedKey(shard)}
	args := []any{marker, sumPrefix(shard)}
	if _, err := v.run(ctx, nil, call{forgetScript, keys, args}); err != nil {
		return fmt.Errorf("forget what postgres has lost: %w", err)
	}
	return nil
}
