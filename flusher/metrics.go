package flusher

import (
	"time"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	runs     *prometheus.CounterVec
	seconds  prometheus.Histogram
	retries  prometheus.Counter
	batches  *prometheus.CounterVec
	skipped  prometheus.Counter
	events   prometheus.Counter
	tokens   prometheus.Counter
	rows     prometheus.Counter
	bytes    prometheus.Counter
	dead     prometheus.Counter
	lastDone prometheus.Gauge
	rewinds  prometheus.Counter
	rewound  prometheus.Gauge
	ackToDB  prometheus.Histogram

	partitions partitionMetrics
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		partitions: newPartitionMetrics(reg),
		runs: f.NewCounterVec(prometheus.CounterOpts{Name: "flagmeter_flusher_runs_total",
			Help: "Flush runs by outcome (ok, error)."}, []string{"outcome"}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{Name: "flagmeter_flusher_run_seconds",
			Help: "Duration of a flush run.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12)}),
		retries: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_retries_total",
			Help: "Flush runs after one that failed, and transactions after one whose data Postgres had refused."}),
		batches: f.NewCounterVec(prometheus.CounterOpts{Name: "flagmeter_flusher_batches_total",
			Help: "Batches committed, by kind (raw, sum)."}, []string{"kind"}),
		skipped: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_ledger_hits_total",
			Help: "Batches found in the ledger already and not written again."}),
		events: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_events_total",
			Help: "Events copied into Postgres."}),
		tokens: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_tokens_total",
			Help: "Tokens of the events copied into Postgres."}),
		rows: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_rollup_rows_total",
			Help: "Rollup rows added to."}),
		bytes: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_copied_bytes_total",
			Help: "Bytes of the raw batches committed, as lines of COPY text."}),
		dead: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_dead_events_total",
			Help: "Rows that Postgres refused and that went to dead_events."}),
		lastDone: f.NewGauge(prometheus.GaugeOpts{Name: "flagmeter_flusher_last_commit_timestamp_seconds",
			Help: "Unix time of the last commit of this process, 0 before it."}),
		rewinds: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_rewinds_total",
			Help: "Losses of acknowledged writes in Valkey that were noticed."}),
		rewound: f.NewGauge(prometheus.GaugeOpts{Name: "flagmeter_flusher_rewound",
			Help: "1 while events are refused because Valkey has lost writes."}),
		ackToDB: f.NewHistogram(prometheus.HistogramOpts{Name: "flagmeter_flusher_ack_to_postgres_seconds",
			Help: "Time from the arrival of the first event of a group commit, by ingest's clock, to its commit in Postgres, by the flusher's. " +
				"That is longer than from its acknowledgement by what POST /events took.",
			Buckets: []float64{.1, .25, .5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 3600}}),
	}
	// A series that exists from the start can be alerted on.
	for _, outcome := range []string{"ok", "error"} {
		m.runs.WithLabelValues(outcome)
	}
	for _, kind := range []string{ledger.Raw, ledger.Sum} {
		m.batches.WithLabelValues(kind)
	}
	return m
}

// committed counts a committed transaction: fresh are the batches that were not in the ledger.
func (m *metrics) committed(fresh []*batch, done Result, now time.Time) {
	for _, b := range fresh {
		m.batches.WithLabelValues(b.kind).Inc()
		for _, group := range b.groups {
			m.bytes.Add(float64(len(group)))
			if arrived, ok := record.Arrival(group); ok {
				m.ackToDB.Observe(max(now.Sub(arrived).Seconds(), 0))
			}
		}
	}
	m.skipped.Add(float64(done.Skipped))
	m.events.Add(float64(done.Events))
	m.tokens.Add(float64(max(done.Tokens, 0))) // a counter panics if it is to fall
	m.rows.Add(float64(done.Rows))
	m.dead.Add(float64(done.Dead))
	m.lastDone.Set(float64(now.Unix()))
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
