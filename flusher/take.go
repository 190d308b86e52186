package flusher

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// recoveryTx is the transaction of a recovery: everything that Valkey holds goes to
// Postgres, unless it is there.
type recoveryTx struct {
	tx         transaction
	shard      int
	position   ledger.Position // the recovery's own
	recoveryID string

	since   uuid.UUID               // ids of events before this one are settled
	kept    time.Time               // since when events and rollups are kept
	tenants map[string]meter.Tenant // of the shard
	batches []*batch                // that were not in the ledger
	done    Result
}

// begin makes the tables of the transaction: recovered are raw events, touched the keys
// of rollups that may be wrong, own the tenants of the shard.
func (t *recoveryTx) begin(ctx context.Context) error {
	if err := store.HoldPartitions(ctx, t.tx); err != nil {
		return err
	}
	kept, err := store.KeptSince(ctx, t.tx)
	if err != nil {
		return err
	}
	t.kept = kept.Both()
	for _, statement := range []string{
		"CREATE TEMP TABLE recovered (LIKE events) ON COMMIT DROP",
		"CREATE TEMP TABLE touched (tenant text, feature text, minute timestamptz) ON COMMIT DROP",
		"CREATE TEMP TABLE own (tenant text PRIMARY KEY) ON COMMIT DROP",
	} {
		if _, err := t.tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("make tables of recovery: %w", err)
		}
	}
	all, _, err := store.Tenants(ctx, t.tx)
	if err != nil {
		return err
	}
	t.tenants = map[string]meter.Tenant{}
	var names []string
	for _, tenant := range all {
		if scripts.ShardOf(tenant.Name, t.tx.f.valkey.Shards()) == t.shard {
			t.tenants[tenant.Name] = tenant
			names = append(names, tenant.Name)
		}
	}
	if _, err := t.tx.ExecContext(ctx, "INSERT INTO own SELECT unnest($1::text[])", pq.Array(names)); err != nil {
		return fmt.Errorf("name tenants of shard: %w", err)
	}
	settled, ok, err := ledger.Settled(ctx, t.tx, t.shard)
	if ok {
		t.since = record.FirstID(settled)
	}
	return err
}

// take enters all batches into the ledger and the raw events that are new into events:
// step 11. Batches are read one at a time, however many have piled up.
func (t *recoveryTx) take(ctx context.Context, r scripts.Rewound) error {
	for _, b := range r.Raw {
		if err := t.takeBatch(ctx, scripts.Sealed{Raw: []scripts.Batch{b}}); err != nil {
			return err
		}
	}
	for _, b := range r.Sums {
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
	err := t.tx.QueryRowxContext(ctx, `WITH new AS (INSERT INTO events SELECT * FROM recovered ON CONFLICT (id, created_at) DO NOTHING
			RETURNING tenant, feature, created_at, tokens),
		touch AS (INSERT INTO touched SELECT DISTINCT tenant, feature, date_trunc('minute', created_at) FROM new)
		SELECT count(*), coalesce(sum(tokens), 0)::bigint FROM new`).Scan(&t.done.Events, &t.done.Tokens)
	if err != nil {
		return fmt.Errorf("insert recovered events: %w", err)
	}
	return nil
}

// takeBatch claims a batch and, if it was not in the ledger, notes what it is about. The
// amounts of a sum are not added: Postgres may have them under another id.
func (t *recoveryTx) takeBatch(ctx context.Context, one scripts.Sealed) error {
	one.Position, one.More = t.position, true
	read, err := t.tx.f.read(ctx, t.shard, one)
	if err != nil {
		return err
	}
	fresh, err := claim(ctx, t.tx.Tx, t.shard, read)
	if err != nil {
		return err
	}
	t.done.Skipped += len(read) - len(fresh)
	for _, b := range fresh {
		t.batches = append(t.batches, &batch{Batch: b.Batch, kind: b.kind})
		if b.kind == ledger.Sum {
			if err := t.touch(ctx, b.sum); err != nil {
				return err
			}
			continue
		}
		h := bisector{tx: t.tx, batch: b}
		err := bisect(ctx, &h, slices.Collect(b.lines()),
			func(part []string) error { return copyEvents(ctx, t.tx.conn, "recovered", part) },
			func(line string) ([]byte, error) { return []byte(line), nil })
		if err != nil {
			return err
		}
		t.done.Dead += h.done.Dead
	}
	return nil
}

// touch notes the rows of rollups that a sum is about.
func (t *recoveryTx) touch(ctx context.Context, sum scripts.Sum) error {
	n := len(sum.Minutes)
	tenants, features, minutes := make([]string, 0, n), make([]string, 0, n), make([]int64, 0, n)
	for key := range sum.Minutes {
		tenants, features, minutes = append(tenants, key.Tenant), append(features, key.Feature), append(minutes, key.Minute)
	}
	_, err := t.tx.ExecContext(ctx, `INSERT INTO touched SELECT tenant, feature, to_timestamp(minute * 60)
		FROM unnest($1::text[], $2::text[], $3::bigint[]) AS a (tenant, feature, minute)`,
		pq.Array(tenants), pq.Array(features), pq.Array(minutes))
	if err != nil {
		return fmt.Errorf("note rows of a sum: %w", err)
	}
	return nil
}

// dropForgotten moves recovered events of days that are no longer kept to dead_events: that they
// are not in events does not say that they were never counted. Nobody may send one so old; they
// come from a Valkey that was put back from long ago, and were counted then.
func (t *recoveryTx) dropForgotten(ctx context.Context) error {
	var n int64
	err := t.tx.GetContext(ctx, &n, `WITH old AS (DELETE FROM recovered WHERE created_at < $1 RETURNING *),
		dead AS (INSERT INTO dead_events (batch, kind, content, reason)
			SELECT $2, 'raw', convert_to(`+record.Text+`, 'UTF8'),
				'recovered from lost writes, and of a day that is no longer kept: it cannot be told whether it was counted' FROM old)
		SELECT count(*) FROM old`, t.kept, t.recoveryID)
	if err != nil {
		return fmt.Errorf("leave out events that are no longer kept: %w", err)
	}
	t.done.Dead += n
	return nil
}

// dropRepeated drops recovered events whose client id Postgres had within the dedupe
// window before: they were accepted again because Valkey had forgotten the id. One
// whose content differs should have been refused; it goes to dead_events.
func (t *recoveryTx) dropRepeated(ctx context.Context) error {
	var first uuid.UUID
	err := t.tx.GetContext(ctx, &first, "SELECT id FROM recovered WHERE idempotency_key IS NOT NULL ORDER BY id LIMIT 1")
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for client ids: %w", err)
	}
	window := t.tx.f.dedupe
	_, err = t.tx.ExecContext(ctx, `WITH again AS (
			DELETE FROM recovered r USING events e
			WHERE r.idempotency_key IS NOT NULL AND e.id >= $1 AND e.id < r.id
				AND e.tenant = r.tenant AND e.idempotency_key = r.idempotency_key AND `+record.Millis("r.id")+" - "+record.Millis("e.id")+` < $2
			RETURNING r.*, e.feature = r.feature AND e.tokens = r.tokens AS same)
		INSERT INTO dead_events (batch, kind, content, reason)
		SELECT $3, 'raw', convert_to(`+record.Text+`, 'UTF8'),
			'its id was used for another event' FROM again WHERE NOT same`,
		record.FirstID(record.TimeOf(first).Add(-window)), window.Milliseconds(), t.recoveryID)
	if err != nil {
		return fmt.Errorf("drop repeated events: %w", err)
	}
	return nil
}
