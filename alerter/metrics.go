package alerter

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Outcomes of a comparison, as label values.
const (
	outcomeOK    = "ok"
	outcomeError = "error"
)

// metrics has no tenant label: the number of series must not grow with the customers.
type metrics struct {
	ticks       *prometheus.CounterVec
	tickSeconds prometheus.Histogram
	fired       prometheus.Counter
	cleared     *prometheus.CounterVec
	evaluated   prometheus.Counter
}

// newMetrics registers the metrics with r, or with nothing if r is nil.
func newMetrics(r prometheus.Registerer) *metrics {
	auto := promauto.With(r)
	m := &metrics{
		ticks: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "flagmeter_alerter_ticks_total",
			Help: "Comparisons of usage with thresholds, by outcome.",
		}, []string{"outcome"}),
		tickSeconds: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "flagmeter_alerter_tick_duration_seconds",
			Help:    "Duration of a comparison, including the writing of its alerts.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14), // 1 ms to 8.2 s
		}),
		fired: auto.NewCounter(prometheus.CounterOpts{
			Name: "flagmeter_alerter_alerts_fired_total",
			Help: "Alerts fired: one per tenant, billing period and threshold reached.",
		}),
		cleared: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "flagmeter_alerter_alerts_cleared_total",
			Help: "Alerts cleared, by reason.",
		}, []string{"reason"}),
		evaluated: auto.NewCounter(prometheus.CounterOpts{
			Name: "flagmeter_alerter_tenants_looked_at_total",
			Help: "Tenants whose usage was compared with their thresholds.",
		}),
	}
	// An alert can watch a series that exists from the start; a series that appears with its first
	// error shows no increase.
	for _, outcome := range []string{outcomeOK, outcomeError} {
		m.ticks.WithLabelValues(outcome)
	}
	for _, reason := range []Reason{Rearmed, PeriodOver} {
		m.cleared.WithLabelValues(string(reason))
	}
	return m
}
