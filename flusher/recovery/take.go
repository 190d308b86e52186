package recovery

import (
	"context"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// take enters all batches into the ledger and the new raw events into events: step 11. It reads one
// batch at a time, however many have accumulated.
func (t *recoveryTx) take(ctx context.Context, lost scripts.Rewound) error {
	for _, b := range lost.Raw {
		if err := t.takeBatch(ctx, scripts.Sealed{Raw: []scripts.Batch{b}}); err != nil {
			return err
		}
	}
	for _, b := range lost.Sums {
		if err := t.takeBatch(ctx, scripts.Sealed{Sums: []scripts.Batch{b}}); err != nil {
			return err
		}
	}
	if err := t.dropForgotten(ctx); err != nil {
		return err
	}
	if err := t.dropRepeated(ctx); err != nil {
		return err
	}
	if err := t.dropRepeatedRequests(ctx); err != nil {
		return err
	}
	err := t.tx.QueryRowxContext(ctx, `WITH new AS (
			INSERT INTO events SELECT * FROM recovered ON CONFLICT (id, created_at) DO NOTHING
			RETURNING tenant, feature, created_at, tokens),
		touch AS (INSERT INTO touched
			SELECT DISTINCT tenant, feature, date_trunc('minute', created_at) FROM new)
		SELECT count(*), coalesce(sum(tokens), 0)::bigint FROM new`).
		Scan(&t.done.Events, &t.done.Tokens)
	if err != nil {
		return fmt.Errorf("insert recovered events: %w", err)
	}
	return nil
}

// takeBatch claims a batch and, if it was not in the ledger, notes which rows it affects. It does
// not add the amounts of a sum: Postgres may have them under another id.
func (t *recoveryTx) takeBatch(ctx context.Context, one scripts.Sealed) error {
	one.Position, one.More = t.position, true
	read, err := t.writer.Read(ctx, t.shard, one)
	if err != nil {
		return err
	}
	fresh, err := t.tx.Claim(ctx, t.shard, read)
	if err != nil {
		return err
	}
	t.done.Skipped += len(read) - len(fresh)
	for _, b := range fresh {
		t.batches = append(t.batches, &batch.Batch{Batch: b.Batch, Kind: b.Kind})
		if b.Kind == ledger.Sum {
			if err := t.touch(ctx, b.Sum); err != nil {
				return err
			}
			continue
		}
		h := batch.Bisector{Tx: t.tx, Batch: b}
		err := batch.Bisect(ctx, &h, slices.Collect(b.Lines()),
			func(part []string) error { return t.tx.CopyEvents(ctx, "recovered", part) },
			func(line string) ([]byte, error) { return []byte(line), nil })
		if err != nil {
			return err
		}
		t.done.Dead += h.Dead()
	}
	return nil
}

// touch notes the rows of rollups that a sum covers.
func (t *recoveryTx) touch(ctx context.Context, sum scripts.Sum) error {
	n := len(sum.Minutes)
	tenants, features, minutes := make([]string, 0, n), make([]string, 0, n), make([]int64, 0, n)
	for key := range sum.Minutes {
		tenants, features = append(tenants, key.Tenant), append(features, key.Feature)
		minutes = append(minutes, key.Minute)
	}
	_, err := t.tx.ExecContext(ctx, `
		INSERT INTO touched SELECT tenant, feature, to_timestamp(minute * 60)
		FROM unnest($1::text[], $2::text[], $3::bigint[]) AS a (tenant, feature, minute)`,
		pq.Array(tenants), pq.Array(features), pq.Array(minutes))
	if err != nil {
		return fmt.Errorf("note rows of a sum: %w", err)
	}
	return nil
}
