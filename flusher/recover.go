package flusher

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// recoveryLimit bounds one attempt of a recovery.
const recoveryLimit = 15 * time.Minute

// recover makes Valkey and Postgres one again after Valkey has lost writes of a shard:
// steps 10 to 16. It may be repeated from the start after a failure at any point.
func (f *Flusher) recover(ctx context.Context, shard int) (done Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	f.metrics.rewound.Set(1)
	seq, err := ledger.End(ctx, f.db, shard) // before step 10: what is committed later is not in it
	if err != nil {
		return done, err
	}
	r, ok, err := f.valkey.SealAll(ctx, shard) // step 10
	if err != nil {
		return done, err
	}
	if !ok { // another flusher has dealt with it
		f.endRecovery(shard)
		return done, nil
	}
	f.alarm(ctx, shard, r)
	if err := f.after(stepSealAll); err != nil {
		return done, err
	}
	newSeq, done, err := f.takeAll(ctx, shard, seq, r) // steps 11 to 13
	if err != nil {
		return done, fmt.Errorf("recover from lost writes: %w", err)
	}
	if _, err := f.valkey.Ack(ctx, shard, stored(r.Raw), ids(r.Sums)); err != nil { // step 14
		return done, err
	}
	done.Batches = len(r.Raw) + len(r.Sums)
	if err := f.after(stepAckAll); err != nil {
		return done, err
	}
	if r.Restored || r.Moved {
		if err := f.valkey.Forget(ctx, shard, r.ID); err != nil { // step 14a
			return done, err
		}
	}
	remembered, err := f.remember(ctx, shard, r) // step 15
	if err != nil {
		return done, err
	}
	if err := f.rememberFeatures(ctx, shard, r.ID); err != nil {
		return done, err
	}
	if err := f.after(stepRemember); err != nil {
		return done, err
	}
	if err := f.valkey.Resume(ctx, shard, r.ID, newSeq); err != nil { // step 16
		return done, err
	}
	done.Rewinds = 1
	f.endRecovery(shard)
	f.log.Warn("recovered from lost writes, events are accepted again", "shard", shard, "id", r.ID,
		"batches", done.Batches, "events", done.Events, "rollups", done.Rows, "event_ids", remembered)
	return done, f.after(stepResume)
}

func ids(batches []scripts.Batch) []string {
	ids := make([]string, len(batches))
	for i, b := range batches {
		ids[i] = b.ID
	}
	return ids
}

// stored is raw batches whose numbers of events are not known any more. Nothing waits behind
// them, so none need be.
func stored(batches []scripts.Batch) []scripts.Stored {
	all := make([]scripts.Stored, len(batches))
	for i, b := range batches {
		all[i].ID = b.ID
	}
	return all
}

// endRecovery notes that no loss of the shard is being dealt with any more.
func (f *Flusher) endRecovery(shard int) {
	delete(f.recovering, shard)
	if len(f.recovering) == 0 {
		f.metrics.rewound.Set(0)
	}
}

// alarm says once what has happened.
func (f *Flusher) alarm(ctx context.Context, shard int, r scripts.Rewound) {
	if f.recovering[shard] == r.ID {
		return
	}
	f.recovering[shard] = r.ID
	if r.Restored { // somebody has said so
		f.log.Warn("postgres was restored from a backup: what valkey still holds is brought into it now, and events are accepted again when that is done",
			"shard", shard, "id", r.ID, "seq", r.Position, "seq_of_backup", r.HighWater, "raw_batches", len(r.Raw), "sum_batches", len(r.Sums))
		return
	}
	if r.Moved {
		f.log.Warn("SHARDS was changed: what postgres knows of event ids is brought into this shard now, and events are accepted again when that is done", "shard", shard, "id", r.ID)
		return
	}
	f.metrics.rewinds.Inc()
	lastFlush := "unknown"
	if at, ok, err := ledger.LastCommit(ctx, f.db, shard, math.MaxInt64); err == nil && ok {
		lastFlush = at.UTC().Format(time.RFC3339)
	}
	noticed := "unknown"
	if id, err := uuid.Parse(r.ID); err == nil {
		noticed = record.TimeOf(id).UTC().Format(time.RFC3339)
	}
	f.log.Error("VALKEY HAS LOST WRITES IT HAD ACKNOWLEDGED: older data were put back, or its append-only file was cut. "+
		"Events are refused until this is recovered, which begins now: everything left in Valkey goes to Postgres, nothing twice, "+
		"and sums are made again from events. Lost for good are events that were acknowledged after the last flush before the loss. "+
		"Check Valkey's volume and appendfsync, run `flagmeter audit`, and compare with your clients' logs from the last flush on.",
		"shard", shard, "id", r.ID, "reason", r.Reason, "noticed", noticed, "last_flush", lastFlush,
		"seq", r.Position, "seq_known", r.HighWater, "raw_batches", len(r.Raw), "sum_batches", len(r.Sums))
}

// takeAll brings everything that is left in Valkey into Postgres, in one transaction, and
// returns the seq from which Valkey is to go on: steps 11 to 13. known is the ledger's
// seq before step 10.
func (f *Flusher) takeAll(ctx context.Context, shard int, known ledger.Position, r scripts.Rewound) (newSeq ledger.Position, done Result, err error) {
	tx, err := f.begin(ctx, f.longQueryDB)
	if err != nil {
		return 0, done, err
	}
	defer tx.end()
	if err := tx.exclude(ctx, shard); err != nil {
		return 0, done, errors.Join(err, f.evict(ctx, err))
	}
	if p, ok, err := ledger.PositionOf(ctx, tx, r.ID); err != nil || ok { // committed already
		return p, done, err
	}
	seq, err := ledger.End(ctx, tx, shard)
	if err != nil {
		return 0, done, err
	}
	if seq != known {
		// A flush, or a recovery from another loss, was committed meanwhile: what was read
		// from Valkey may be from before it.
		return 0, done, fmt.Errorf("%w: it has %d, before it had %d", errOvertaken, seq, known)
	}
	newSeq = max(seq, r.HighWater, r.Position).NextEpoch()

	t := recoveryTx{tx: tx, shard: shard, position: newSeq, recoveryID: r.ID}
	if err := t.begin(ctx); err != nil {
		return 0, done, err
	}
	if err := t.take(ctx, r); err != nil { // step 11
		return 0, done, err
	}
	if err := f.after(stepTake); err != nil {
		return 0, done, err
	}
	if err := t.rebuild(ctx); err != nil { // step 12
		return 0, done, err
	}
	entered, err := ledger.Enter(ctx, tx, ledger.Entry{ID: r.ID, Shard: shard, Kind: ledger.Recovery,
		Position: newSeq, Rows: t.done.Events, Tokens: t.done.Tokens, Drained: true})
	if err == nil && !entered { // nobody can: the lock is held, and it was not there
		err = fmt.Errorf("%w: it has recovery %s", errOvertaken, r.ID)
	}
	if err != nil {
		return 0, done, err
	}
	if err := f.after(stepRebuild); err != nil {
		return 0, done, err
	}
	if err := tx.Commit(); err != nil { // step 13
		return 0, done, fmt.Errorf("commit: %w", err)
	}
	f.metrics.committed(t.batches, t.done, f.now())
	return newSeq, t.done, f.after(stepCommitAll)
}

// remember puts back the event ids and keys of requests of the dedupe window that Postgres knows,
// and returns their number: step 15. Ages are by Postgres' clock. The window goes back from now, or
// from the last flush that a restored Postgres knows: what came later is sent again, and those who
// send it cannot tell to the event where to begin.
func (f *Flusher) remember(ctx context.Context, shard int, r scripts.Rewound) (n int, err error) {
	until, err := f.rememberedUntil(ctx, shard, r)
	if err != nil {
		return 0, err
	}
	from := record.FirstID(until.Add(-f.dedupe))
	keys, err := f.requestKeys(ctx, shard, from, r)
	if err != nil {
		return 0, err
	}
	if err := f.valkey.Remember(ctx, shard, r.ID, f.dedupe, keys); err != nil {
		return 0, err
	}
	n = len(keys)
	rows, err := f.longQueryDB.QueryxContext(ctx, `SELECT tenant, idempotency_key FROM events
		WHERE id >= $1 AND idempotency_key IS NOT NULL`, from)
	if err != nil {
		return n, fmt.Errorf("read event ids: %w", err)
	}
	defer rows.Close()
	const chunk = 5000 // one call of Remember
	part := make([]scripts.EventID, 0, chunk)
	flush := func() error {
		n += len(part)
		err := f.valkey.Remember(ctx, shard, r.ID, f.dedupe, part)
		part = part[:0]
		return err
	}
	for rows.Next() {
		known := scripts.EventID{Content: scripts.AnyContent} // what it was sent for cannot be had again
		if err := rows.Scan(&known.Tenant, &known.ID); err != nil {
			return n, fmt.Errorf("read event ids: %w", err)
		}
		if scripts.ShardOf(known.Tenant, f.valkey.Shards()) != shard {
			continue
		}
		if part = append(part, known); len(part) == chunk {
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
func (f *Flusher) rememberedUntil(ctx context.Context, shard int, r scripts.Rewound) (at time.Time, err error) {
	if r.Restored {
		at, ok, err := ledger.LastCommit(ctx, f.db, shard, r.HighWater)
		if err != nil || ok {
			return at, err
		}
	}
	if err := f.db.GetContext(ctx, &at, "SELECT clock_timestamp()"); err != nil {
		return at, fmt.Errorf("read the clock of postgres: %w", err)
	}
	return at, nil
}
