package outbox

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Outcomes of an attempt to deliver, as label values.
const (
	outcomeDelivered = "delivered"
	outcomeRetried   = "retried"
	outcomeDead      = "dead"
)

// metrics has no tenant label: the number of series must not grow with the customers.
type metrics struct {
	deliveries      *prometheus.CounterVec
	deliverySeconds prometheus.Histogram
	inFlight        prometheus.Gauge
	pending, dead   prometheus.Gauge
	breakers        *prometheus.GaugeVec
	unusable        *prometheus.GaugeVec
}

// newMetrics registers the metrics with r, or with nothing if r is nil.
func newMetrics(r prometheus.Registerer) *metrics {
	auto := promauto.With(r)
	m := &metrics{
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
		inFlight: auto.NewGauge(prometheus.GaugeOpts{
			Name: "flagmeter_alerter_deliveries_in_flight",
			Help: "Deliveries that are being attempted, at most 128.",
		}),
		deliverySeconds: auto.NewHistogram(prometheus.HistogramOpts{
			Name:    "flagmeter_alerter_delivery_duration_seconds",
			Help:    "Time from the detection of a crossing until a webhook accepted its message.",
			Buckets: []float64{.05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400},
		}),
		breakers: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flagmeter_alerter_breakers",
			Help: "Webhook hosts whose last request was not answered or is in flight, by" +
				" state of their circuit breaker.",
		}, []string{"state"}),
		unusable: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flagmeter_alerter_unusable_webhooks",
			Help: "Enabled rows of webhooks and slack_webhooks whose contents make it impossible" +
				" to send a message.",
		}, []string{"table"}),
	}
	// An alert can watch a series that exists from the start; a series that appears with its first
	// error shows no increase.
	for _, outcome := range []string{outcomeDelivered, outcomeRetried, outcomeDead} {
		m.deliveries.WithLabelValues(outcome)
	}
	for _, state := range []string{"closed", "half-open", "open"} {
		m.breakers.WithLabelValues(state)
	}
	for _, n := range notifiers {
		m.unusable.WithLabelValues(n.Table())
	}
	return m
}
