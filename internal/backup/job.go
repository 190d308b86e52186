package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Job makes a backup, deletes those that need not be kept, and publishes how that went.
type Job struct {
	source Source
	target Target
	keep   Keep
	now    func() time.Time
	log    *slog.Logger

	lastSuccess, size, seconds, kept prometheus.Gauge
}

// Options are what a job works with. All are required but Registerer.
type Options struct {
	Source     Source
	Target     Target
	Keep       Keep
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// NewJob returns a job and registers its metrics.
func NewJob(o Options) *Job {
	f := promauto.With(o.Registerer)
	return &Job{
		source: o.Source, target: o.Target, keep: o.Keep, now: o.Now, log: o.Log,
		lastSuccess: f.NewGauge(
			prometheus.GaugeOpts{Name: "flagmeter_backup_last_success_timestamp_seconds",
				Help: "Unix time of the snapshot of the newest good backup, 0 if there is none."}),
		size: f.NewGauge(prometheus.GaugeOpts{Name: "flagmeter_backup_size_bytes",
			Help: "Size of the dump of the newest good backup."}),
		seconds: f.NewGauge(prometheus.GaugeOpts{Name: "flagmeter_backup_seconds",
			Help: "How long the newest good backup took."}),
		kept: f.NewGauge(prometheus.GaugeOpts{Name: "flagmeter_backups",
			Help: "Backups that are kept and good, as far as their size tells."}),
	}
}

// Look publishes what the target has.
func (j *Job) Look(ctx context.Context) error {
	all, err := List(ctx, j.target)
	if err != nil {
		return err
	}
	good := 0
	for _, b := range all {
		if b.Fault == nil {
			good++
			j.lastSuccess.Set(float64(b.Taken.Unix()))
			j.size.Set(float64(b.Size))
			j.seconds.Set(b.Seconds)
		}
	}
	j.kept.Set(float64(good))
	return nil
}

// Run makes one backup, then deletes the old ones: never any if the new one has failed.
func (j *Job) Run(ctx context.Context) (Manifest, error) {
	m, err := j.source.Make(ctx, j.target)
	if err != nil {
		return m, fmt.Errorf("make a backup: %w", err)
	}
	j.log.Info("made a backup", "name", m.Name, "target", j.target.String(), "bytes", m.Size,
		"sha256", m.SHA256,
		"seconds", m.Seconds, "events", m.Sums.Events, "tokens", m.Sums.Tokens.String())
	if err := j.source.note(ctx, m); err != nil {
		j.log.Warn("the database was not told of the backup, so nobody who watches the flusher"+
			" knows of it", "error", err)
	}
	deleted, err := Prune(ctx, j.target, j.keep, j.now())
	if len(deleted) > 0 {
		j.log.Info("deleted old backups", "names", deleted)
	}
	return m, errors.Join(err, j.Look(ctx))
}
