package retention

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

type metrics struct {
	until, strays *prometheus.GaugeVec
	dropped       *prometheus.CounterVec
	forgotten     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	m := metrics{
		until: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flagmeter_partitions_until_timestamp_seconds",
			Help: "Unix time up to which every moment has a partition, by table (events," +
				" rollups); 0 if the present moment has none. Checked every hour.",
		}, []string{"table"}),
		strays: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flagmeter_partitions_default_rows",
			Help: "Rows that the last hourly check found in the default partition of a table" +
				" (events, rollups) because their partition was missing; 100,000 at most. The" +
				" check moves them.",
		}, []string{"table"}),
		dropped: f.NewCounterVec(prometheus.CounterOpts{
			Name: "flagmeter_partitions_dropped_total",
			Help: "Partitions of a table (events, rollups) that were dropped because they were no" +
				" longer kept.",
		}, []string{"table"}),
		forgotten: f.NewCounter(prometheus.CounterOpts{
			Name: "flagmeter_ledger_rows_forgotten_total",
			Help: "Rows of the ledger that were deleted because no retry can ask for them any" +
				" more.",
		}),
	}
	for _, table := range []string{store.Events, store.Rollups} {
		m.dropped.WithLabelValues(table)
	}
	return m
}
