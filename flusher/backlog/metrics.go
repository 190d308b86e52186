package backlog

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
)

var (
	queueUp = prometheus.NewDesc("flagmeter_queue_up",
		"1 if the last sample of the queue in Valkey succeeded; else its other metrics are"+
			" missing.",
		nil, nil)
	queueEvents = prometheus.NewDesc("flagmeter_queue_raw_events",
		"Raw events in Valkey that wait for Postgres, in open lists and sealed batches.",
		nil, nil)
	queueMinutes = prometheus.NewDesc("flagmeter_queue_open_sums",
		"Minutes in Valkey whose counters are not sealed yet, including the current one.", nil, nil)
	queueBatches = prometheus.NewDesc("flagmeter_queue_sealed_batches",
		"Sealed batches in Valkey that wait for Postgres, by kind (raw, sum).",
		[]string{"kind"}, nil)
	queueOldest = prometheus.NewDesc("flagmeter_queue_oldest_event_seconds",
		"Age of the oldest event that is not in Postgres, 0 if there is none: this machine's clock"+
			" minus the clock of the ingest that accepted it.", nil, nil)
	valkeyUsed = prometheus.NewDesc("flagmeter_valkey_memory_used_bytes",
		"Memory that Valkey uses.", nil, nil)
	valkeyMax = prometheus.NewDesc("flagmeter_valkey_memory_max_bytes",
		"Memory that Valkey may use (maxmemory), 0 for no limit.", nil, nil)
	valkeyAOF = prometheus.NewDesc("flagmeter_valkey_aof_ok",
		"1 if Valkey writes an append-only file and its last write and fsync succeeded.", nil, nil)
	valkeyDelayed = prometheus.NewDesc("flagmeter_valkey_aof_delayed_fsyncs_total",
		"Writes of Valkey that waited for a background fsync, with appendfsync everysec.",
		nil, nil)
	valkeyScripts = prometheus.NewDesc("flagmeter_valkey_in_scripts_seconds_total",
		"Time that Valkey has spent in scripts, for all its clients.", nil, nil)
)

// Describe lists the metrics.
func (w *Watch) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		queueUp, queueEvents, queueMinutes, queueBatches, queueOldest,
		valkeyUsed, valkeyMax, valkeyAOF, valkeyDelayed, valkeyScripts,
	} {
		out <- d
	}
}

// Collect publishes the last sample. The age of the oldest event is as of now.
func (w *Watch) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	seen := w.last.Load()
	if seen == nil || time.Since(seen.at) > validFor {
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
		age = max(w.now().Sub(seen.queue.Oldest).Seconds(), 0)
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
