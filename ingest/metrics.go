package ingest

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/julienschmidt/httprouter"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	requests    *prometheus.HistogramVec
	events      prometheus.Counter
	seen        prometheus.Counter
	groupEvents prometheus.Histogram
	callSeconds prometheus.Histogram
	retries     prometheus.Counter
	refused     *prometheus.CounterVec

	limitedRate, limitedQuota prometheus.Counter
	featuresRefused           prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	limited := f.NewCounterVec(prometheus.CounterOpts{Name: "flagmeter_requests_limited_total",
		Help: "Requests refused by a rate limit or because a quota is used up."}, []string{"reason"})
	return &metrics{
		limitedRate: limited.WithLabelValues("rate"), limitedQuota: limited.WithLabelValues("quota"),
		featuresRefused: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_features_refused_total",
			Help: "Requests refused because a tenant would have too many features: a client may send names that it should not."}),
		requests: f.NewHistogramVec(prometheus.HistogramOpts{Name: "flagmeter_http_request_seconds",
			Help:    "Duration of HTTP requests by route, method and status class.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .2, .5, 1, 2.5, 5}}, []string{"route", "method", "class"}),
		events: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_ingest_events_total",
			Help: "Events counted."}),
		seen: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_ingest_seen_ids_total",
			Help: "Events whose id was seen before: duplicates and conflicts."}),
		groupEvents: f.NewHistogram(prometheus.HistogramOpts{Name: "flagmeter_ingest_group_events",
			Help: "Events in a group commit.", Buckets: prometheus.ExponentialBuckets(1, 4, 8)}),
		callSeconds: f.NewHistogram(prometheus.HistogramOpts{Name: "flagmeter_ingest_call_seconds",
			Help: "Duration of one call of ingest.lua, with its fsync.", Buckets: prometheus.ExponentialBuckets(0.0002, 2.5, 11)}),
		retries: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_ingest_retries_total",
			Help: "Calls of ingest.lua repeated because the outcome was unknown or Valkey not ready."}),
		refused: f.NewCounterVec(prometheus.CounterOpts{Name: "flagmeter_auth_refused_total",
			Help: "Requests refused for want of a valid credential (401) or of its scope (403)."}, []string{"status"}),
	}
}

// countFeedClients publishes how many clients follow GET /live.
func (m *metrics) countFeedClients(reg prometheus.Registerer, count func() int) {
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{Name: "flagmeter_live_clients",
		Help: "Open WebSockets of GET /live."}, func() float64 { return float64(count()) })
}

// showFeatures publishes how many features the tenant with the most has.
func (m *metrics) showFeatures(reg prometheus.Registerer, most func() int64) {
	promauto.With(reg).NewGaugeFunc(prometheus.GaugeOpts{Name: "flagmeter_features_largest",
		Help: "Most features in use by one tenant, among those that this process has first seen today."}, func() float64 { return float64(most()) })
}

// observe times a route's requests.
func (m *metrics) observe(method, path string, next httprouter.Handle) httprouter.Handle {
	var classes [6]atomic.Pointer[prometheus.Observer] // 5 is 5xx; looked up once each
	return func(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
		start := time.Now()
		recorder := statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next(&recorder, r, params)
		class := recorder.status / 100
		seconds := classes[class].Load()
		if seconds == nil {
			observer := m.requests.WithLabelValues(path, method, strconv.Itoa(class)+"xx")
			seconds = &observer
			classes[class].Store(seconds)
		}
		(*seconds).Observe(time.Since(start).Seconds())
	}
}

// statusRecorder remembers the status that a handler answers with.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader passes the status on and remembers it.
func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController the writer below.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
