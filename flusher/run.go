package flusher

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/flusher/recovery"
	"github.com/eduardosanzb/flagmeter/flusher/retention"
	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/schedule"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Options configure a Flusher. All are required but LongQueryDB.
type Options struct {
	DB *sqlx.DB
	// LongQueryDB is DB with connections that wait for long statements (store.LongQueryTimeout),
	// for recoveries and audits. If nil, DB is used.
	LongQueryDB *sqlx.DB
	Valkey      *scripts.Valkey
	// Dedupe is how long an event id is remembered: the same as ingest's.
	Dedupe time.Duration
	// EventsRetention and RollupsRetention are how long raw events and rollups are kept, at least
	// meter.LeastRetention; 0 keeps them for ever.
	EventsRetention, RollupsRetention time.Duration
	Now                               func() time.Time
	Log                               *slog.Logger
	Registerer                        prometheus.Registerer
}

// New returns a flusher.
func New(o Options) *Flusher {
	longQueryDB := cmp.Or(o.LongQueryDB, o.DB)
	f := &Flusher{
		db: o.DB, valkey: o.Valkey, now: o.Now, log: o.Log, metrics: newMetrics(o.Registerer),
		audit: audit.NewJob(audit.Options{DB: longQueryDB, Valkey: o.Valkey,
			Now: o.Now, Log: o.Log, Registerer: o.Registerer}),
		retention: retention.New(retention.Options{
			DB: o.DB, LongQueryDB: longQueryDB, Valkey: o.Valkey,
			Events: o.EventsRetention, Rollups: o.RollupsRetention,
			Now: o.Now, Log: o.Log, Registerer: o.Registerer}),
		registerer:   o.Registerer,
		settledSince: map[int]map[string]time.Time{},
		after: func(s batch.Step) error {
			failpoint.After("flusher", int(s))
			return nil
		},
	}
	after := func(s batch.Step) error { return f.after(s) }
	f.writer = batch.NewWriter(batch.Options{DB: o.DB, Valkey: o.Valkey,
		Now: o.Now, Log: o.Log, After: after, Registerer: o.Registerer})
	f.recovery = recovery.New(recovery.Options{DB: o.DB, LongQueryDB: longQueryDB, Valkey: o.Valkey,
		Writer: f.writer, Dedupe: o.Dedupe, Log: o.Log, After: after, Registerer: o.Registerer})
	return f
}

// Run flushes every second. Every hour it creates partitions, drops what is no longer kept and
// audits the last day. When ctx is done, it finishes the batches in hand and returns.
func (f *Flusher) Run(ctx context.Context) {
	// Rows without their partition still find a place in the default one.
	if err := f.retention.CreatePartitions(ctx); err != nil && ctx.Err() == nil {
		f.log.Error("could not create partitions", "error", err)
	}
	jobs := schedule.New(f.log, f.registerer)
	jobs.Add("flush", "@every 1s", func(ctx context.Context) error {
		_, err := f.RunOnce(ctx)
		if err != nil && ctx.Err() != nil && !errors.Is(err, context.Canceled) {
			f.log.Error("the last flush failed; the next process repeats it", "error", err)
		}
		return err
	})
	jobs.Add("partitions", "@hourly", f.retention.CreatePartitions)
	// At half past, neither the partitions job nor an audit is running.
	jobs.Add("retention", "30 * * * *", f.retention.Drop)
	jobs.Add("audit", "@hourly", func(ctx context.Context) error {
		_, err := f.audit.Run(ctx)
		return err
	})
	jobs.Run(ctx)
}
