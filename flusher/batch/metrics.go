package batch

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/record"
)

type metrics struct {
	retries  prometheus.Counter
	batches  *prometheus.CounterVec
	skipped  prometheus.Counter
	events   prometheus.Counter
	tokens   prometheus.Counter
	rows     prometheus.Counter
	bytes    prometheus.Counter
	dead     prometheus.Counter
	lastDone prometheus.Gauge
	ackToDB  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		retries: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_retries_total",
			Help: "Flush runs after a failed one, and transactions after one whose data Postgres" +
				" refused."}),
		batches: f.NewCounterVec(prometheus.CounterOpts{
			Name: "flagmeter_flusher_batches_total",
			Help: "Batches committed, by kind (raw, sum)."}, []string{"kind"}),
		skipped: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_ledger_hits_total",
			Help: "Batches that were already in the ledger and were not written again."}),
		events: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_events_total",
			Help: "Events copied into Postgres."}),
		tokens: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_tokens_total",
			Help: "Tokens of the events copied into Postgres."}),
		rows: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_rollup_rows_total",
			Help: "Rollup rows that flushes added to."}),
		bytes: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_copied_bytes_total",
			Help: "Bytes of the raw batches committed, as lines of COPY text."}),
		dead: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_dead_events_total",
			Help: "Rows that Postgres refused; they are in dead_events."}),
		lastDone: f.NewGauge(prometheus.GaugeOpts{
			Name: "flagmeter_flusher_last_commit_timestamp_seconds",
			Help: "Unix time of the last commit of this process, 0 before the first."}),
		ackToDB: f.NewHistogram(prometheus.HistogramOpts{
			Name: "flagmeter_flusher_ack_to_postgres_seconds",
			Help: "Time from the arrival of a group commit's first event, by ingest's clock, to" +
				" its commit in Postgres, by the flusher's clock. It includes the time that POST" +
				" /events took.",
			Buckets: []float64{.1, .25, .5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 3600}}),
	}
	// A series that exists from the start can be alerted on.
	for _, kind := range []string{ledger.Raw, ledger.Sum} {
		m.batches.WithLabelValues(kind)
	}
	return m
}

// Retried counts a repeated attempt.
func (w *Writer) Retried() { w.metrics.retries.Inc() }

// Committed counts a committed transaction. fresh are the batches that were not yet in the ledger.
func (w *Writer) Committed(fresh []*Batch, done Result) {
	m, now := w.metrics, w.now()
	for _, b := range fresh {
		m.batches.WithLabelValues(b.Kind).Inc()
		for _, group := range b.groups {
			m.bytes.Add(float64(len(group)))
			if arrived, ok := record.Arrival(group); ok {
				m.ackToDB.Observe(max(now.Sub(arrived).Seconds(), 0))
			}
		}
	}
	m.skipped.Add(float64(done.Skipped))
	m.events.Add(float64(done.Events))
	m.tokens.Add(float64(max(done.Tokens, 0))) // a counter panics on a negative value
	m.rows.Add(float64(done.Rows))
	m.dead.Add(float64(done.Dead))
	m.lastDone.Set(float64(now.Unix()))
}
