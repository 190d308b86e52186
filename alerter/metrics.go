package alerter

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Outcomes of a tick and of an attempt to deliver, as label values.
const (
	outcomeOK        = "ok"
	outcomeError     = "error"
	outcomeDelivered = "delivered"
	outcomeRetried   = "retried"
	outcomeDead      = "dead"
)

// metrics has no tenant label: the number of series must not grow with the customers.
type metrics struct {
	ticks       *prometheus.CounterVec
	tickSeconds prometheus.Histogram
	fired       prometheus.Counter
	cleared     *prometheus.CounterVec
	deliveries  *prometheus.CounterVec
	pending     prometheus.Gauge
	dead        prometheus.Gauge
	looks       prometheus.Counter
	inFlight    prometheus.Gauge

	deliverySeconds prometheus.Histogram
	breakers        *prometheus.GaugeVec
	unusable        *prometheus.GaugeVec
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
			Help:    "Time a comparison took, including the writing of its alerts.",
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
		deliveries: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "flagmeter_alerter_deliveries_total",
			Help: "Attempts to deliver an alert, by outcome.",
		}, []string{"outcome"}),
		pending: auto.NewGauge(prometheus.GaugeOpts{
			Name: "flagmeter_alerter_pending_deliveries",
			Help: "Deliveries in the outbox that are neither delivered nor dead.",
		}),
		dead: auto.NewGauge(prometheus.GaugeOpts{
			Name: "flagmeter_alerter_dead_deliveries",
			Help: "Deliveries in the outbox that were given up and not sent again.",
		}),
		looks: auto.NewCounter(prometheus.CounterOpts{
			Name: "flagmeter_alerter_tenants_looked_at_total",
			Help: "Tenants whose usage was compared with their thresholds.",
		}),
		inFlight: auto.NewGauge(prometheus.GaugeOpts{
			Name: "flagmeter_alerter_deliveries_in_flight",
			Help: "Deliveries that are being attempted, at most 128.",
		}),
		deliverySeconds: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "flagmeter_alerter_delivery_duration_seconds",
			Help:    "Time from when a crossing was noticed to when a webhook took its message.",
			Buckets: []float64{.05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400},
		}),
		breakers: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flagmeter_alerter_breakers",
			Help: "Webhook hosts that have not answered their last request or are being asked, by state" +
				" of their circuit breaker.",
		}, []string{"state"}),
		unusable: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flagmeter_alerter_unusable_webhooks",
			Help: "Enabled rows of webhooks and slack_webhooks that no message can be sent to, as they" +
				" are written.",
		}, []string{"table"}),
	}
	for _, table := range []string{tableSlack, tableWebhooks} {
		m.unusable.WithLabelValues(table)
	}
	// A series that exists from the start can be alerted on; one that appears with
	// its first error shows no increase.
	for _, outcome := range []string{outcomeOK, outcomeError} {
		m.ticks.WithLabelValues(outcome)
	}
	for _, outcome := range []string{outcomeDelivered, outcomeRetried, outcomeDead} {
		m.deliveries.WithLabelValues(outcome)
	}
	for _, state := range []string{"closed", "half-open", "open"} {
		m.breakers.WithLabelValues(state)
	}
	for _, reason := range []Reason{Rearmed, PeriodOver} {
		m.cleared.WithLabelValues(string(reason))
	}
	return m
}
