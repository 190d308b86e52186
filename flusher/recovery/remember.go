package recovery

import (
	"context"
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// remember puts back the event ids and request keys of the dedupe window that Postgres has, and
// returns their number: step 15. Postgres' clock determines ages. The window ends now or, for a
// restored Postgres, at its last flush: clients send later events again, and cannot know exactly
// where to begin.
func (r *Recovery) remember(
	ctx context.Context, shard int, lost scripts.Rewound,
) (n int, err error) {
	until, err := r.rememberedUntil(ctx, shard, lost)
	if err != nil {
		return 0, err
	}
	from := record.FirstID(until.Add(-r.dedupe))
	keys, err := r.requestKeys(ctx, shard, from, lost)
	if err != nil {
		return 0, err
	}
	if err := r.valkey.Remember(ctx, shard, lost.ID, r.dedupe, keys); err != nil {
		return 0, err
	}
	n = len(keys)
	rows, err := r.longQueryDB.QueryxContext(ctx, `SELECT tenant, idempotency_key FROM events
		WHERE id >= $1 AND idempotency_key IS NOT NULL`, from)
	if err != nil {
		return n, fmt.Errorf("read event ids: %w", err)
	}
	defer rows.Close()
	part := make([]scripts.EventID, 0, scripts.RememberChunk)
	flush := func() error {
		n += len(part)
		err := r.valkey.Remember(ctx, shard, lost.ID, r.dedupe, part)
		part = part[:0]
		return err
	}
	for rows.Next() {
		// The content that the id was sent with cannot be recovered.
		known := scripts.EventID{Content: scripts.AnyContent}
		if err := rows.Scan(&known.Tenant, &known.ID); err != nil {
			return n, fmt.Errorf("read event ids: %w", err)
		}
		if scripts.ShardOf(known.Tenant, r.valkey.Shards()) != shard {
			continue
		}
		if part = append(part, known); len(part) == scripts.RememberChunk {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return n, fmt.Errorf("read event ids: %w", err)
	}
	if len(part) > 0 {
		err = flush()
	}
	return n, err
}

// rememberedUntil is the end of the window whose event ids remember puts back.
func (r *Recovery) rememberedUntil(
	ctx context.Context, shard int, lost scripts.Rewound,
) (at time.Time, err error) {
	if lost.Restored {
		at, ok, err := ledger.LastCommit(ctx, r.db, shard, lost.HighWater)
		if err != nil || ok {
			return at, err
		}
	}
	if err := r.db.GetContext(ctx, &at, "SELECT clock_timestamp()"); err != nil {
		return at, fmt.Errorf("read the clock of postgres: %w", err)
	}
	return at, nil
}
