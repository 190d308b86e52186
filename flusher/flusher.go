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

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
)

const (
	// batchesPerFlush is the most batches of each kind in one transaction. A raw batch
	// is about 1 MiB, 5 MiB at the most, so a flush holds a few dozen MiB at worst.
	batchesPerFlush = 8
	// transactionLimit bounds one transaction, and so how long a stop may take.
	transactionLimit = 20 * time.Second
)

// step is a numbered step of the package comment.
type step int

const (
	stepDurable step = iota + 2 // after 1 and 2, which are one round trip
	stepRead
	stepClaim
	stepCopy
	stepAdd
	stepCommit
	stepAck
	stepDrop
	stepSealAll // 10 to 15: a recovery
	stepTake
	stepRebuild
	stepCommitAll
	stepAckAll
	stepRemember
	stepResume
)

// Flusher moves batches from Valkey to Postgres. RunOnce may be called from several
// goroutines and processes; calls on one Flusher wait for each other.
type Flusher struct {
	db          *sqlx.DB
	longQueryDB *sqlx.DB // waits for long statements
	valkey      *scripts.Valkey
	dedupe      time.Duration
	now         func() time.Time
	log         *slog.Logger
	metrics     *metrics
	audit       *audit.Job
	// retention is how long a table's rows are kept; 0 is for ever.
	retention map[string]time.Duration
	// registerer gets the metrics of its jobs.
	registerer prometheus.Registerer

	running sync.Mutex
	failed  bool // the run before; under running
	// settledSince is when this process first knew a batch as settled, by shard and id.
	settledSince map[int]map[string]time.Time
	// stuck is stuckLimit, shorter in tests.
	stuck time.Duration
	// recovering is the marker of the loss of writes that is being dealt with, by shard.
	recovering map[int]string
	// after is called after each step; an error ends the run there, as a crash would.
	after func(step) error
}

// Result is what a run has done.
type Result struct {
	Batches int   // batches acknowledged
	Skipped int   // batches among them that were in the ledger already
	Events  int64 // rows copied into events
	Rows    int64 // rollup rows added to
	Tokens  int64 // tokens of the events
	Dead    int64 // rows that Postgres refused
	Rewinds int   // recoveries from a loss of writes in Valkey
}

func (r *Result) add(o Result) {
	r.Batches += o.Batches
	r.Skipped += o.Skipped
	r.Events += o.Events
	r.Rows += o.Rows
	r.Tokens += o.Tokens
	r.Dead += o.Dead
	r.Rewinds += o.Rewinds
}

// RunOnce moves everything that is closed now and returns what it has moved, also
// beside an error. Whatever it could not move waits for the next run. When ctx is
// done it finishes the batches in hand and begins no others.
func (f *Flusher) RunOnce(ctx context.Context) (Result, error) {
	f.running.Lock()
	defer f.running.Unlock()
	if f.failed {
		f.metrics.retries.Inc()
	}
	start := time.Now()
	done, err := f.flushAll(ctx)
	f.metrics.ran(time.Since(start), err)
	f.failed = err != nil
	return done, err
}

// flushAll takes round after round of each shard through all steps.
func (f *Flusher) flushAll(ctx context.Context) (total Result, err error) {
	for shard := range f.valkey.Shards() {
		for {
			done, more, err := f.flush(ctx, shard)
			total.add(done)
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

// flush takes one round of batches through all steps.
func (f *Flusher) flush(ctx context.Context, shard int) (done Result, more bool, err error) {
	end, err := ledger.End(ctx, f.db, shard)
	if err != nil {
		return done, false, err
	}
	f.valkey.Known(shard, end)
	openFrom := f.now().Unix() / 60
	sealed, err := f.valkey.Seal(ctx, shard, openFrom, batchesPerFlush) // steps 1 and 2
	if errors.Is(err, scripts.ErrRewound) {
		done, err = f.recover(ctx, shard)
		return done, err == nil, err
	}
	if err != nil {
		return done, false, err
	}
	if err := f.after(stepDurable); err != nil {
		return done, false, err
	}
	if err := f.drop(ctx, shard, sealed.Settled); err != nil { // step 9, of earlier runs
		return done, false, err
	}
	if len(sealed.Raw)+len(sealed.Sums) == 0 {
		return done, false, nil
	}

	// From here on the batches in hand are finished even if ctx ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), transactionLimit)
	defer cancel()
	batches, err := f.read(ctx, shard, sealed) // step 3
	if err != nil {
		return done, false, err
	}
	if err := f.after(stepRead); err != nil {
		return done, false, err
	}
	committed, err := f.commit(ctx, shard, batches) // steps 4 to 7
	done.add(committed)
	if errors.Is(err, errOvertaken) {
		// What is not in Postgres is handed out again, or is gone from Valkey.
		f.log.Warn("dropped batches in hand, another flusher was faster", "shard", shard, "batches", len(batches), "reason", err)
		return done, false, nil
	}
	if err != nil {
		return done, false, err
	}
	var raw []scripts.Stored
	var sums []string
	for _, b := range batches {
		if b.kind == ledger.Raw {
			raw = append(raw, scripts.Stored{ID: b.ID, Events: b.rows})
		} else {
			sums = append(sums, b.ID)
		}
	}
	if _, err := f.valkey.Ack(ctx, shard, raw, sums); err != nil { // step 8
		return done, false, err
	}
	done.Batches = len(batches)
	return done, sealed.More, f.after(stepAck)
}

// drop deletes the settled batches whose grace is over.
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
	return f.after(stepDrop)
}
