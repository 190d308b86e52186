package recovery

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// limit bounds one attempt of a recovery.
const limit = 15 * time.Minute

// Options configure a Recovery. All are required.
type Options struct {
	DB          *sqlx.DB
	LongQueryDB *sqlx.DB // waits for long statements
	Valkey      *scripts.Valkey
	Writer      *batch.Writer
	// Dedupe is how long an event id is remembered: the same as ingest's.
	Dedupe time.Duration
	Log    *slog.Logger
	// After is called after each step; an error ends the recovery there, as a crash would.
	After      func(batch.Step) error
	Registerer prometheus.Registerer
}

// Recovery recovers shards after Valkey has lost writes. Only one Run may be active at a time.
type Recovery struct {
	db          *sqlx.DB
	longQueryDB *sqlx.DB
	valkey      *scripts.Valkey
	writer      *batch.Writer
	dedupe      time.Duration
	log         *slog.Logger
	after       func(batch.Step) error
	metrics     metrics
	// recovering is the id of the active recovery, by shard.
	recovering map[int]string
}

// New returns a Recovery.
func New(o Options) *Recovery {
	return &Recovery{db: o.DB, longQueryDB: o.LongQueryDB, valkey: o.Valkey, writer: o.Writer,
		dedupe: o.Dedupe, log: o.Log, after: o.After, metrics: newMetrics(o.Registerer),
		recovering: map[int]string{}}
}

// Run makes Valkey and Postgres agree again after Valkey has lost writes of a shard: steps 10 to
// 16. After a failure at any point it may be repeated from the start.
func (r *Recovery) Run(ctx context.Context, shard int) (done batch.Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r.metrics.rewound.Set(1)
	// Before step 10: a batch committed later is not included.
	reached, err := ledger.End(ctx, r.db, shard)
	if err != nil {
		return done, err
	}
	lost, ok, err := r.valkey.SealAll(ctx, shard) // step 10
	if err != nil {
		return done, err
	}
	if !ok { // another flusher has recovered the shard
		r.end(shard)
		return done, nil
	}
	r.alarm(ctx, shard, lost)
	if err := r.after(batch.StepSealAll); err != nil {
		return done, err
	}
	resumeAt, done, err := r.takeAll(ctx, shard, reached, lost) // steps 11 to 13
	if err != nil {
		return done, fmt.Errorf("recover from lost writes: %w", err)
	}
	if _, err := r.valkey.Ack(ctx, shard, stored(lost.Raw), ids(lost.Sums)); err != nil { // step 14
		return done, err
	}
	done.Batches = len(lost.Raw) + len(lost.Sums)
	if err := r.after(batch.StepAckAll); err != nil {
		return done, err
	}
	if lost.Restored || lost.Moved {
		if err := r.valkey.Forget(ctx, shard, lost.ID); err != nil { // step 14a
			return done, err
		}
	}
	remembered, err := r.remember(ctx, shard, lost) // step 15
	if err != nil {
		return done, err
	}
	if err := r.rememberFeatures(ctx, shard, lost.ID); err != nil {
		return done, err
	}
	if err := r.after(batch.StepRemember); err != nil {
		return done, err
	}
	if err := r.valkey.Resume(ctx, shard, lost.ID, resumeAt); err != nil { // step 16
		return done, err
	}
	done.Rewinds = 1
	r.end(shard)
	r.log.Warn("recovered from lost writes: events are accepted again",
		"shard", shard, "id", lost.ID, "batches", done.Batches, "events", done.Events,
		"rollups", done.Rows, "event_ids", remembered)
	return done, r.after(batch.StepResume)
}

func ids(batches []scripts.Batch) []string {
	ids := make([]string, len(batches))
	for i, b := range batches {
		ids[i] = b.ID
	}
	return ids
}

// stored returns raw batches without their numbers of events, which are no longer known. They are
// not needed, because nothing waits behind these batches.
func stored(batches []scripts.Batch) []scripts.Stored {
	all := make([]scripts.Stored, len(batches))
	for i, b := range batches {
		all[i].ID = b.ID
	}
	return all
}
