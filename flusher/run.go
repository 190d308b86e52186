package flusher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/schedule"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Options are what a flusher works with. All are required but Patient.
type Options struct {
	DB *sqlx.DB
	// Patient is DB with connections that wait for long statements (store.Patience), for
	// recoveries and audits; nil is DB.
	Patient *sqlx.DB
	Valkey  *scripts.Valkey
	// Dedupe is how long an event id is remembered, the same as ingest's.
	Dedupe     time.Duration
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// New returns a flusher.
func New(o Options) *Flusher {
	patient := cmp.Or(o.Patient, o.DB)
	return &Flusher{
		db: o.DB, patient: patient, valkey: o.Valkey, dedupe: o.Dedupe, now: o.Now, log: o.Log, metrics: newMetrics(o.Registerer),
		audit:        audit.NewJob(audit.Options{DB: patient, Valkey: o.Valkey, Now: o.Now, Log: o.Log, Registerer: o.Registerer}),
		registerer:   o.Registerer,
		settledSince: map[int]map[string]time.Time{},
		rewound:      map[int]string{},
		stuck:        stuckLimit,
		after:        func(s step) error { failpoint.After("flusher", int(s)); return nil },
	}
}

// Run flushes every second, and every hour looks after the partitions of events and
// audits the last day, until ctx is done; then it finishes the batches in hand and returns.
func (f *Flusher) Run(ctx context.Context) {
	// Events without a partition of their own still find a place in the default one.
	partition := func() error {
		if err := f.CreatePartitions(ctx); ctx.Err() == nil {
			return err
		}
		return nil
	}
	if err := partition(); err != nil {
		f.log.Error("could not create partitions of events", "error", err)
	}
	jobs := schedule.New(f.log, f.registerer)
	jobs.Add("flush", "@every 1s", func() error {
		_, err := f.RunOnce(ctx)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil // the process ends; the next one finishes what was broken off
		}
		return err
	})
	jobs.Add("partitions", "@hourly", partition)
	jobs.Add("audit", "@hourly", func() error {
		_, err := f.audit.Run(ctx)
		return err
	})
	jobs.Run(ctx)
}

// CreatePartitions makes the daily partitions of events for every timestamp that
// ingest accepts, and the next two days.
func (f *Flusher) CreatePartitions(ctx context.Context) error {
	const ahead = 48 * time.Hour
	now := f.now().UTC()
	first, last := now.Add(-meter.MaxAge), now.Add(ahead)
	var made int
	err := f.db.GetContext(ctx, &made, "SELECT create_event_partitions($1::date, $2::date)",
		first.Format(time.DateOnly), last.Format(time.DateOnly))
	if err != nil {
		return fmt.Errorf("create event partitions: %w", err)
	}
	if made > 0 {
		f.log.Info("created partitions of events", "partitions", made)
	}
	return nil
}
