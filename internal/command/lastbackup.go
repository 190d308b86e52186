package command

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/schedule"
)

// lookAtBackup is how often the flusher looks for the last backup.
const lookAtBackup = time.Minute

// watchBackup publishes when the last backup has succeeded, as the database knows it, until ctx is
// done: one that a timer starts is gone before Prometheus could ask it.
func (p *process) watchBackup(ctx context.Context) {
	if p.registry == nil {
		return
	}
	last := prometheus.NewGauge(prometheus.GaugeOpts{Name: "flagmeter_backup_last_success_timestamp_seconds",
		Help: "Unix time of the snapshot of the newest good backup, 0 if there is none."})
	p.registry.MustRegister(last)
	look := schedule.Logged(p.log, "the look for the last backup", func() error {
		var at float64
		err := p.db.GetContext(ctx, &at, "SELECT coalesce((SELECT extract(epoch FROM taken_at) FROM last_backup), 0)")
		if err == nil {
			last.Set(at)
		}
		return err
	})
	ticker := time.NewTicker(lookAtBackup)
	defer ticker.Stop()
	for {
		_ = look() // it has logged
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
