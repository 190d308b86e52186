package recovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// takeAll moves everything that is left in Valkey into Postgres, in one transaction, and returns
// the position from which Valkey must continue: steps 11 to 13. known is the ledger's position
// before step 10.
func (r *Recovery) takeAll(
	ctx context.Context, shard int, known ledger.Position, lost scripts.Rewound,
) (resumeAt ledger.Position, done batch.Result, err error) {
	tx, err := r.writer.Begin(ctx, r.longQueryDB)
	if err != nil {
		return 0, done, err
	}
	defer tx.End()
	if err := tx.Exclude(ctx, shard); err != nil {
		return 0, done, errors.Join(err, r.writer.Evict(ctx, err))
	}
	if p, ok, err := ledger.PositionOf(ctx, tx, lost.ID); err != nil || ok { // committed already
		return p, done, err
	}
	reached, err := ledger.End(ctx, tx, shard)
	if err != nil {
		return 0, done, err
	}
	if reached != known {
		// A flush, or the recovery from another loss, was committed meanwhile: what was read from
		// Valkey may be from before it.
		return 0, done, fmt.Errorf("%w: it is at %d and was at %d",
			batch.ErrOvertaken, reached, known)
	}
	resumeAt = max(reached, lost.HighWater, lost.Position).NextEpoch()

	t := recoveryTx{Recovery: r, tx: tx, shard: shard, position: resumeAt, recoveryID: lost.ID}
	if err := t.begin(ctx); err != nil {
		return 0, done, err
	}
	if err := t.take(ctx, lost); err != nil { // step 11
		return 0, done, err
	}
	if err := r.after(batch.StepTake); err != nil {
		return 0, done, err
	}
	if err := t.rebuild(ctx); err != nil { // step 12
		return 0, done, err
	}
	entered, err := ledger.Enter(ctx, tx, ledger.Entry{
		ID: lost.ID, Shard: shard, Kind: ledger.Recovery,
		Position: resumeAt, Rows: t.done.Events, Tokens: t.done.Tokens, Drained: true})
	if err == nil && !entered { // impossible: the lock is held, and it was not there
		err = fmt.Errorf("%w: it has recovery %s", batch.ErrOvertaken, lost.ID)
	}
	if err != nil {
		return 0, done, err
	}
	if err := r.after(batch.StepRebuild); err != nil {
		return 0, done, err
	}
	if err := tx.Commit(); err != nil { // step 13
		return 0, done, fmt.Errorf("commit: %w", err)
	}
	r.writer.Committed(t.batches, t.done)
	return resumeAt, t.done, r.after(batch.StepCommitAll)
}

// recoveryTx is the transaction of a recovery. It moves everything that Valkey holds to Postgres,
// unless it is already there.
type recoveryTx struct {
	*Recovery
	tx         batch.Tx
	shard      int
	position   ledger.Position // the recovery's own
	recoveryID string

	since   uuid.UUID               // ids of events before this one are settled
	kept    time.Time               // since when events and rollups are kept
	tenants map[string]meter.Tenant // of the shard
	batches []*batch.Batch          // that were not in the ledger
	done    batch.Result
}

// begin creates the temporary tables of the transaction: recovered holds raw events, touched the
// keys of rollups that may be wrong, own the tenants of the shard.
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
		if scripts.ShardOf(tenant.Name, t.valkey.Shards()) == t.shard {
			t.tenants[tenant.Name] = tenant
			names = append(names, tenant.Name)
		}
	}
	_, err = t.tx.ExecContext(ctx, "INSERT INTO own SELECT unnest($1::text[])", pq.Array(names))
	if err != nil {
		return fmt.Errorf("name tenants of shard: %w", err)
	}
	settled, ok, err := ledger.Settled(ctx, t.tx, t.shard)
	if ok {
		t.since = record.FirstID(settled)
	}
	return err
}
