package schedule

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of all jobs of a process.
type metrics struct {
	running *prometheus.GaugeVec
	runs    *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

// The label is called task, since Prometheus itself puts job on every series it scrapes.
func newMetrics(reg prometheus.Registerer) metrics {
	return metrics{
		running: shared(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "flagmeter_jobs_running",
			Help: "1 while a scheduled job runs."}, []string{"task"})),
		runs: shared(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "flagmeter_job_runs_total",
			Help: "Runs of a scheduled job by outcome (ok, error, skipped because the one before still ran)."}, []string{"task", "outcome"})),
		seconds: shared(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "flagmeter_job_seconds",
			Help: "Duration of a run of a scheduled job.", Buckets: []float64{.001, .005, .025, .1, .25, .5, 1, 2.5, 10, 60, 300}}, []string{"task"})),
	}
}

// shared registers c, or returns the one that another set of jobs has registered before.
func shared[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	err := reg.Register(c)
	var before prometheus.AlreadyRegisteredError
	if errors.As(err, &before) {
		return before.ExistingCollector.(C)
	}
	if err != nil {
		panic(err) // a name is used for something else
	}
	return c
}

// jobMetrics are those of one job.
type jobMetrics struct {
	running             prometheus.Gauge
	ok, failed, skipped prometheus.Counter
	seconds             prometheus.Observer
}

func (m metrics) of(job string) jobMetrics {
	return jobMetrics{
		running: m.running.WithLabelValues(job), seconds: m.seconds.WithLabelValues(job),
		ok: m.runs.WithLabelValues(job, "ok"), failed: m.runs.WithLabelValues(job, "error"), skipped: m.runs.WithLabelValues(job, "skipped"),
	}
}

// run runs a job. One that panics counts as failed.
func (m jobMetrics) run(job func() error) {
	outcome := m.failed
	start := time.Now()
	m.running.Inc()
	defer func() {
		m.running.Dec()
		m.seconds.Observe(time.Since(start).Seconds())
		outcome.Inc()
	}()
	if job() == nil {
		outcome = m.ok
	}
}
