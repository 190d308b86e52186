package command

import (
	"context"
	"log/slog"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/loop"
	"github.com/prometheus/client_golang/prometheus"
)

// lookAtBackup is how often the flusher looks for the last backup.
const lookAtBackup = time.Minute

// watchBackup publishes when the last backup has succeeded, as the database knows it, until ctx is
// done: one that a timer starts is gone before Prometheus could ask it.
func (p *process) watchBackup(ctx context.Context) {
	if p.registry == nil {
		return
	}
	last := prometheus.NewGauge(
		prometheus.GaugeOpts{Name: "flagmeter_backup_last_success_timestamp_seconds",
			Help: "Unix time of the snapshot of the newest good backup, 0 if there is none."})
	p.registry.MustRegister(last)
	health := loop.Health{Log: p.log, Level: slog.LevelError,
		Failing: "the time of the last backup cannot be read",
		Working: "the time of the last backup can be read again"}
	loop.Every(ctx, lookAtBackup, health, func(ctx context.Context) error {
		var at float64
		err := p.db.GetContext(ctx, &at,
			"SELECT coalesce((SELECT extract(epoch FROM taken_at) FROM last_backup), 0)")
		if err == nil {
			last.Set(at)
		}
		return err
	})
}
