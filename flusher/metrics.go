package flusher

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	runs    *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		runs: f.NewCounterVec(prometheus.CounterOpts{Name: "flagmeter_flusher_runs_total",
			Help: "Flush runs by outcome (ok, error)."}, []string{"outcome"}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{Name: "flagmeter_flusher_run_seconds",
			Help:    "Duration of a flush run.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12)}),
	}
	// A series that exists from the start can be alerted on.
	for _, outcome := range []string{"ok", "error"} {
		m.runs.WithLabelValues(outcome)
	}
	return m
}

// ran counts a run.
func (m *metrics) ran(took time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	m.runs.WithLabelValues(outcome).Inc()
	m.seconds.Observe(took.Seconds())
}
