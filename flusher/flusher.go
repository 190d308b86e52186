package flusher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/flusher/recovery"
	"github.com/eduardosanzb/flagmeter/flusher/retention"
	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
)

const (
	// batchesPerFlush is the most batches of each kind in one transaction. A raw batch is about 1
	// MiB, 5 MiB at most, so a flush holds a few dozen MiB at worst.
	batchesPerFlush = 8
	// transactionLimit bounds one transaction, and thus the duration of a stop.
	transactionLimit = 20 * time.Second
)

// Flusher moves batches from Valkey to Postgres. Several goroutines and processes may call RunOnce;
// calls on one Flusher wait for each other.
type Flusher struct {
	db        *sqlx.DB
	valkey    *scripts.Valkey
	now       func() time.Time
	log       *slog.Logger
	metrics   *metrics
	writer    *batch.Writer
	recovery  *recovery.Recovery
	retention *retention.Job
	audit     *audit.Job
	// registerer gets the metrics of its jobs.
	registerer prometheus.Registerer

	running sync.Mutex
	failed  bool // the previous run; under running
	// settledSince is when this process first knew a batch as settled, by shard and id.
	settledSince map[int]map[string]time.Time
	// after is called after each step; an error ends the run there, as a crash would.
	after func(batch.Step) error
}

// Result counts what a run did.
type Result = batch.Result

// RunOnce moves everything that is closed now. It returns what it has moved, with an error too.
// What it could not move waits for the next run. When ctx is done, it finishes the batches in hand
// and begins no others.
func (f *Flusher) RunOnce(ctx context.Context) (Result, error) {
	f.running.Lock()
	defer f.running.Unlock()
	if f.failed {
		f.writer.Retried()
	}
	start := time.Now()
	done, err := f.flushAll(ctx)
	f.metrics.ran(time.Since(start), err)
	f.failed = err != nil
	return done, err
}

// flushAll runs rounds in each shard until none has more to do.
func (f *Flusher) flushAll(ctx context.Context) (total Result, err error) {
	for shard := range f.valkey.Shards() {
		for {
			done, more, err := f.round(ctx, shard)
			total.Add(done)
			if err != nil {
				return total, fmt.Errorf("flush shard %d: %w", shard, err)
			}
			if !more || ctx.Err() != nil {
				break
			}
		}
	}
	return total, nil
}

// round takes one hand-out through all steps, or first recovers the shard if Valkey has lost writes
// of it. more reports whether another round has work at once.
func (f *Flusher) round(ctx context.Context, shard int) (done Result, more bool, err error) {
	sealed, err := f.seal(ctx, shard)
	if errors.Is(err, scripts.ErrRewound) { // nothing was handed out
		done, err = f.recovery.Run(ctx, shard)
		return done, err == nil, err
	}
	if err != nil {
		return done, false, err
	}
	if err := f.drop(ctx, shard, sealed.Settled); err != nil { // step 9, of earlier runs
		return done, false, err
	}
	if len(sealed.Raw)+len(sealed.Sums) == 0 {
		return done, false, nil
	}
	done, err = f.flush(ctx, shard, sealed)
	if errors.Is(err, batch.ErrOvertaken) {
		// Valkey hands out again what is not in Postgres, unless Valkey no longer has it.
		f.log.Warn("abandoned batches in hand: another flusher was faster", "shard", shard,
			"batches", len(sealed.Raw)+len(sealed.Sums), "reason", err)
		return done, false, nil
	}
	return done, err == nil && sealed.More, err
}

// seal asks Valkey for a hand-out: steps 1 and 2. It returns scripts.ErrRewound if Valkey is behind
// the ledger.
func (f *Flusher) seal(ctx context.Context, shard int) (scripts.Sealed, error) {
	end, err := ledger.End(ctx, f.db, shard)
	if err != nil {
		return scripts.Sealed{}, err
	}
	f.valkey.Known(shard, end)
	openFrom := f.now().Unix() / 60
	sealed, err := f.valkey.Seal(ctx, shard, openFrom, batchesPerFlush)
	if err != nil {
		return scripts.Sealed{}, err
	}
	return sealed, f.after(batch.StepDurable)
}

// flush takes the batches of a hand-out through steps 3 to 8. It finishes them even if ctx ends.
func (f *Flusher) flush(
	ctx context.Context, shard int, sealed scripts.Sealed,
) (done Result, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), transactionLimit)
	defer cancel()
	batches, err := f.writer.Read(ctx, shard, sealed) // step 3
	if err != nil {
		return done, err
	}
	if err := f.after(batch.StepRead); err != nil {
		return done, err
	}
	done, err = f.writer.Write(ctx, shard, batches) // steps 4 to 7
	if err != nil {
		return done, err
	}
	var raw []scripts.Stored
	var sums []string
	for _, b := range batches {
		if b.Kind == ledger.Raw {
			raw = append(raw, scripts.Stored{ID: b.ID, Events: b.Rows})
		} else {
			sums = append(sums, b.ID)
		}
	}
	if _, err := f.valkey.Ack(ctx, shard, raw, sums); err != nil { // step 8
		return done, err
	}
	done.Batches = len(batches)
	return done, f.after(batch.StepAck)
}

// drop deletes the settled batches whose grace period is over.
func (f *Flusher) drop(ctx context.Context, shard int, settled []string) error {
	now := f.now()
	young := make(map[string]time.Time, len(settled))
	var over []string
	for _, id := range settled {
		since, ok := f.settledSince[shard][id]
		if !ok || now.Before(since) {
			since = now
		}
		if now.Sub(since) >= usage.Grace {
			over = append(over, id)
		} else {
			young[id] = since
		}
	}
	f.settledSince[shard] = young
	if len(over) == 0 {
		return nil
	}
	if err := f.valkey.Drop(ctx, shard, over); err != nil {
		return err
	}
	return f.after(batch.StepDrop)
}
