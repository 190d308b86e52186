package flusher

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/schedule"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Options are what a flusher works with. All are required but Patient.
type Options struct {
	DB *sqlx.DB
	// LongQueryDB is DB with connections that wait for long statements (store.LongQueryTimeout), for
	// recoveries and audits; nil is DB.
	LongQueryDB *sqlx.DB
	Valkey      *scripts.Valkey
	// Dedupe is how long an event id is remembered, the same as ingest's.
	Dedupe time.Duration
	// EventsRetention and RollupsRetention are how long raw events and rollups are kept, from
	// LeastRetention up; 0 is for ever.
	EventsRetention, RollupsRetention time.Duration
	Now                               func() time.Time
	Log                               *slog.Logger
	Registerer                        prometheus.Registerer
}

// New returns a flusher.
func New(o Options) *Flusher {
	patient := cmp.Or(o.LongQueryDB, o.DB)
	return &Flusher{
		db: o.DB, longQueryDB: patient, valkey: o.Valkey, dedupe: o.Dedupe, now: o.Now, log: o.Log, metrics: newMetrics(o.Registerer),
		audit:        audit.NewJob(audit.Options{DB: patient, Valkey: o.Valkey, Now: o.Now, Log: o.Log, Registerer: o.Registerer}),
		retention:    map[string]time.Duration{store.Events: o.EventsRetention, store.Rollups: o.RollupsRetention},
		registerer:   o.Registerer,
		settledSince: map[int]map[string]time.Time{},
		recovering:   map[int]string{},
		stuck:        stuckLimit,
		after:        func(s step) error { failpoint.After("flusher", int(s)); return nil },
	}
}

// Run flushes every second, and every hour looks after the partitions, drops what is no longer
// kept and audits the last day, until ctx is done; then it finishes the batches in hand and
// returns.
func (f *Flusher) Run(ctx context.Context) {
	// Rows without a partition of their own still find a place in the default one.
	if err := f.CreatePartitions(ctx); err != nil && ctx.Err() == nil {
		f.log.Error("could not create partitions", "error", err)
	}
	jobs := schedule.New(f.log, f.registerer)
	jobs.Add("flush", "@every 1s", func(ctx context.Context) error {
		_, err := f.RunOnce(ctx)
		if err != nil && ctx.Err() != nil && !errors.Is(err, context.Canceled) {
			f.log.Error("the last flush has failed; the next process repeats it", "error", err)
		}
		return err
	})
	jobs.Add("partitions", "@hourly", f.CreatePartitions)
	// At half past neither partitions nor an audit is at work.
	jobs.Add("retention", "30 * * * *", f.Retain)
	jobs.Add("audit", "@hourly", func(ctx context.Context) error {
		_, err := f.audit.Run(ctx)
		return err
	})
	jobs.Run(ctx)
}
