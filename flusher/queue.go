package flusher

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/schedule"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Queue publishes what waits in Valkey, and how Valkey is. It looks once a second, beside the
// flusher and whether that works or not: it needs no Postgres. So a scrape waits for nobody.
//
// The age of the oldest event is told from the time in its id, which ingest has put there.
// Where ingest and the flusher run on two machines, it is wrong by what their clocks differ.
type Queue struct {
	valkey *scripts.Valkey
	now    func() time.Time
	log    *slog.Logger
	reg    prometheus.Registerer
	last   atomic.Pointer[sample]
}

// sample is what one sample has seen.
type sample struct {
	queue  scripts.Queue
	server *scripts.Server // nil if Valkey does not tell
	at     time.Time       // monotonic
}

const (
	// lookEvery is how often Run looks, lookLimit how long a look may take.
	lookEvery = "@every 1s"
	lookLimit = time.Second
	// lookValid is how long a look is told if no other follows.
	lookValid = 5 * time.Second
)

// NewQueue returns a Queue that has not looked yet, and registers its metrics.
func NewQueue(valkey *scripts.Valkey, now func() time.Time, log *slog.Logger, reg prometheus.Registerer) *Queue {
	q := &Queue{valkey: valkey, now: now, log: log, reg: reg}
	if reg != nil {
		reg.MustRegister(q)
	}
	return q
}

// Run looks every second until ctx is done.
func (q *Queue) Run(ctx context.Context) {
	jobs := schedule.New(q.log, q.reg)
	jobs.Add("queue", lookEvery, q.Sample)
	jobs.Run(ctx)
}

// Sample looks once. After an error nothing is told of the queue until the next look.
func (q *Queue) Sample(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	queue, err := q.valkey.Queue(ctx)
	if err != nil {
		q.last.Store(nil)
		return err
	}
	seen := &sample{queue: queue, at: time.Now()}
	if server, err := q.valkey.Server(ctx); err == nil { // an ACL may forbid it
		seen.server = &server
	}
	q.last.Store(seen)
	return nil
}

var (
	queueUp = prometheus.NewDesc("flagmeter_queue_up",
		"1 if the last look at the queue in Valkey has succeeded; else nothing else is told of it.", nil, nil)
	queueEvents = prometheus.NewDesc("flagmeter_queue_raw_events",
		"Raw events in Valkey that wait for Postgres, in open lists and sealed batches.", nil, nil)
	queueMinutes = prometheus.NewDesc("flagmeter_queue_open_sums",
		"Minutes in Valkey whose counters are not sealed yet, the current one among them.", nil, nil)
	queueBatches = prometheus.NewDesc("flagmeter_queue_sealed_batches",
		"Sealed batches in Valkey that wait for Postgres, by kind (raw, sum).", []string{"kind"}, nil)
	queueOldest = prometheus.NewDesc("flagmeter_queue_oldest_event_seconds",
		"Age of the oldest event that is not in Postgres, 0 if there is none: this machine's clock less the ingest's that took it.", nil, nil)
	valkeyUsed = prometheus.NewDesc("flagmeter_valkey_memory_used_bytes",
		"Memory that Valkey uses.", nil, nil)
	valkeyMax = prometheus.NewDesc("flagmeter_valkey_memory_max_bytes",
		"Memory that Valkey may use (maxmemory), 0 for no limit.", nil, nil)
	valkeyAOF = prometheus.NewDesc("flagmeter_valkey_aof_ok",
		"1 if Valkey writes an append-only file and the last write and fsync have succeeded.", nil, nil)
	valkeyDelayed = prometheus.NewDesc("flagmeter_valkey_aof_delayed_fsyncs_total",
		"Writes of Valkey that waited for an fsync in the background, with appendfsync everysec.", nil, nil)
	valkeyScripts = prometheus.NewDesc("flagmeter_valkey_in_scripts_seconds_total",
		"Time that Valkey has spent inside scripts, of all its clients.", nil, nil)
)

// Describe lists the metrics.
func (q *Queue) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{queueUp, queueEvents, queueMinutes, queueBatches, queueOldest,
		valkeyUsed, valkeyMax, valkeyAOF, valkeyDelayed, valkeyScripts} {
		out <- d
	}
}

// Collect tells the last look. The age of the oldest event is as of now.
func (q *Queue) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	seen := q.last.Load()
	if seen == nil || time.Since(seen.at) > lookValid {
		gauge(queueUp, 0)
		return
	}
	gauge(queueUp, 1)
	gauge(queueEvents, float64(seen.queue.Events))
	gauge(queueMinutes, float64(seen.queue.OpenMinutes))
	gauge(queueBatches, float64(seen.queue.SealedRaw), ledger.Raw)
	gauge(queueBatches, float64(seen.queue.SealedSums), ledger.Sum)
	age := 0.0
	if !seen.queue.Oldest.IsZero() {
		age = max(q.now().Sub(seen.queue.Oldest).Seconds(), 0)
	}
	gauge(queueOldest, age)
	if seen.server == nil {
		return
	}
	gauge(valkeyUsed, float64(seen.server.UsedBytes))
	gauge(valkeyMax, float64(seen.server.MaxBytes))
	ok := 0.0
	if seen.server.Persistent {
		ok = 1
	}
	gauge(valkeyAOF, ok)
	count := func(d *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value)
	}
	count(valkeyDelayed, float64(seen.server.DelayedSyncs))
	count(valkeyScripts, seen.server.InScripts.Seconds())
}
