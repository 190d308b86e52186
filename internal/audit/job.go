package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// JobRange is how far back a job audits. A job that runs every hour audits each event 24 times,
// including one that arrives late by less than a day.
const JobRange = 24 * time.Hour

// Options are the dependencies of a job. All are required.
type Options struct {
	DB         *sqlx.DB
	Valkey     *scripts.Valkey
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Job audits the last day and publishes the result.
type Job struct {
	auditor *Auditor
	now     func() time.Time
	log     *slog.Logger

	runs        *prometheus.CounterVec
	seconds     prometheus.Gauge
	lastSuccess prometheus.Gauge
	driftTokens *prometheus.GaugeVec
	driftRows   *prometheus.GaugeVec
}

// NewJob returns a job and registers its metrics. Drift is 0 before the first run; the time of the
// last success distinguishes that from an audit that found none.
func NewJob(o Options) *Job {
	f := promauto.With(o.Registerer)
	j := &Job{
		auditor: New(o.DB, o.Valkey, o.Now), now: o.Now, log: o.Log,
		runs: f.NewCounterVec(prometheus.CounterOpts{Name: "flagmeter_audit_runs_total",
			Help: "Audits by outcome (clean, drift, error)."}, []string{"outcome"}),
		seconds: f.NewGauge(prometheus.GaugeOpts{Name: "flagmeter_audit_seconds",
			Help: "Duration of the last audit."}),
		lastSuccess: f.NewGauge(prometheus.GaugeOpts{
			Name: "flagmeter_audit_last_success_timestamp_seconds",
			Help: "Unix time of the last audit that came to a result, clean or not."}),
		driftTokens: f.NewGaugeVec(prometheus.GaugeOpts{Name: "flagmeter_audit_drift_tokens",
			Help: "Tokens by which a table (rollups, usage_daily) differed from the events " +
				"in the last audit."}, []string{"table"}),
		driftRows: f.NewGaugeVec(prometheus.GaugeOpts{Name: "flagmeter_audit_drift_rows",
			Help: "Rows of a table (rollups, usage_daily) that differed from the events " +
				"in the last audit."}, []string{"table"}),
	}
	for _, outcome := range []string{"clean", "drift", "error"} {
		j.runs.WithLabelValues(outcome)
	}
	for _, table := range []string{"rollups", "usage_daily"} {
		j.driftTokens.WithLabelValues(table)
		j.driftRows.WithLabelValues(table)
	}
	return j
}

// Run audits once and returns the report. It logs drift, but only returns an error. The error is
// nil if ctx ended.
func (j *Job) Run(ctx context.Context) (Report, error) {
	began, now := time.Now(), j.now()
	report, err := j.auditor.Audit(ctx, Query{From: now.Add(-JobRange), To: now})
	j.seconds.Set(time.Since(began).Seconds())
	if err != nil {
		if ctx.Err() != nil {
			return Report{}, nil
		}
		j.runs.WithLabelValues("error").Inc()
		return Report{}, err
	}
	j.lastSuccess.Set(float64(j.now().Unix()))
	for table, drift := range map[string]struct {
		tokens int64
		rows   int
	}{
		"rollups":     {report.RollupsDrift()[meter.Tokens], len(report.Minutes)},
		"usage_daily": {report.DailyDrift()[meter.Tokens], len(report.Days)},
	} {
		j.driftTokens.WithLabelValues(table).Set(float64(drift.tokens))
		j.driftRows.WithLabelValues(table).Set(float64(drift.rows))
	}
	if report.Clean() {
		j.runs.WithLabelValues("clean").Inc()
		return report, nil
	}
	j.runs.WithLabelValues("drift").Inc()
	j.log.Error("events and their sums differ: run 'flagmeter audit' with this range to see "+
		"where, "+
		"and again with --repair to rebuild the sums from the events",
		"from", report.From.Format(time.RFC3339), "to", report.To.Format(time.RFC3339),
		"rollups_rows", len(report.Minutes), "rollups_tokens", report.RollupsDrift()[meter.Tokens],
		"usage_daily_rows", len(report.Days),
		"usage_daily_tokens", report.DailyDrift()[meter.Tokens], "unreadable", report.Unreadable)
	return report, nil
}
