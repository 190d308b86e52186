package commit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics cover the path from a request to Valkey; package httpd has the metrics of requests.
type metrics struct {
	events      prometheus.Counter
	seen        prometheus.Counter
	groupEvents prometheus.Histogram
	groupWait   prometheus.Histogram
	callSeconds prometheus.Histogram
	retries     prometheus.Counter

	limitedRate, limitedQuota prometheus.Counter
	featuresRefused           prometheus.Counter
}

// newMetrics registers the metrics unless reg is nil. most returns the number of features of the
// tenant with most features.
func newMetrics(reg prometheus.Registerer, most func() int64) *metrics {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "flagmeter_features_largest",
		Help: "Most features in use by one tenant, " +
			"among those that this process has first seen today.",
	}, func() float64 { return float64(most()) })
	limited := f.NewCounterVec(prometheus.CounterOpts{Name: "flagmeter_requests_limited_total",
		Help: "Requests refused by a rate limit or because a quota is used up.",
	}, []string{"reason"})
	return &metrics{
		limitedRate:  limited.WithLabelValues("rate"),
		limitedQuota: limited.WithLabelValues("quota"),
		featuresRefused: f.NewCounter(prometheus.CounterOpts{
			Name: "flagmeter_features_refused_total",
			Help: "Requests refused because a tenant would have too many features: " +
				"a client may send names that it should not."}),
		events: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_ingest_events_total",
			Help: "Events counted."}),
		seen: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_ingest_seen_ids_total",
			Help: "Events whose id was seen before in another request: duplicates and conflicts."}),
		groupEvents: f.NewHistogram(prometheus.HistogramOpts{Name: "flagmeter_ingest_group_events",
			Help: "Events in a group commit.", Buckets: prometheus.ExponentialBuckets(1, 4, 8)}),
		groupWait: f.NewHistogram(prometheus.HistogramOpts{
			Name: "flagmeter_ingest_group_wait_seconds",
			Help: "Time the request of a group that has waited longest waits " +
				"until the group is sent to Valkey.",
			Buckets: []float64{.0001, .0005, .001, .0025, .005, .01, .025, .1, .5, 2.5}}),
		callSeconds: f.NewHistogram(prometheus.HistogramOpts{Name: "flagmeter_ingest_call_seconds",
			Help:    "Duration of one call of ingest.lua, with its fsync.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2.5, 11)}),
		retries: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_ingest_retries_total",
			Help: "Calls of ingest.lua repeated because the outcome was unknown " +
				"or Valkey not ready."}),
	}
}

// grouped counts a group that is about to be sent.
func (m *metrics) grouped(g *group) {
	m.groupEvents.Observe(float64(g.events))
	if len(g.submissions) > 0 { // held submissions come first, then the others in order of arrival
		m.groupWait.Observe(time.Since(g.submissions[0].queued).Seconds())
	}
}

// called counts a call of ingest.lua.
func (m *metrics) called(took time.Duration) {
	m.callSeconds.Observe(took.Seconds())
}

func (m *metrics) retried() {
	m.retries.Inc()
}

// counted counts events that were accepted.
func (m *metrics) counted(events int) {
	m.events.Add(float64(events))
}

// seenBefore counts events with ids of earlier ones.
func (m *metrics) seenBefore(events int) {
	m.seen.Add(float64(events))
}

// limited counts a request that was refused by a rate limit.
func (m *metrics) limited() {
	m.limitedRate.Inc()
}

// usedUp counts a request that was refused because a quota is used up.
func (m *metrics) usedUp() {
	m.limitedQuota.Inc()
}

// tooManyFeatures counts a request that was refused for the features it would add.
func (m *metrics) tooManyFeatures() {
	m.featuresRefused.Inc()
}
