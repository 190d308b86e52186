package valkey

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Pool publishes the state of a client's connections. The client counts them; Valkey is not asked.
type Pool struct{ Client redis.UniversalClient }

var (
	poolHits = prometheus.NewDesc("flagmeter_valkey_pool_hits_total",
		"Calls that found a free connection to Valkey.", nil, nil)
	poolMisses = prometheus.NewDesc("flagmeter_valkey_pool_misses_total",
		"Calls that had to open a connection to Valkey.", nil, nil)
	poolTimeouts = prometheus.NewDesc("flagmeter_valkey_pool_timeouts_total",
		"Calls that got no connection to Valkey in time.", nil, nil)
	poolStale = prometheus.NewDesc("flagmeter_valkey_pool_stale_connections_total",
		"Connections to Valkey that were closed because they were too old or broken.", nil, nil)
	poolConnections = prometheus.NewDesc("flagmeter_valkey_pool_connections",
		"Connections to Valkey by state: total, and idle among them.", []string{"state"}, nil)
)

// Describe lists the metrics.
func (Pool) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{poolHits, poolMisses, poolTimeouts, poolStale, poolConnections} {
		out <- d
	}
}

// Collect publishes the counts.
func (c Pool) Collect(out chan<- prometheus.Metric) {
	s := *c.Client.PoolStats()
	if p := s.PipelineStats; p != nil { // pipelines, as all scripts are sent, have their own pool
		s.Hits, s.Misses, s.Timeouts = s.Hits+p.Hits, s.Misses+p.Misses, s.Timeouts+p.Timeouts
		s.StaleConns += p.StaleConns
		s.TotalConns, s.IdleConns = s.TotalConns+p.TotalConns, s.IdleConns+p.IdleConns
	}
	count := func(d *prometheus.Desc, n uint32) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
	count(poolHits, s.Hits)
	count(poolMisses, s.Misses)
	count(poolTimeouts, s.Timeouts)
	count(poolStale, s.StaleConns)
	for state, n := range map[string]uint32{"total": s.TotalConns, "idle": s.IdleConns} {
		out <- prometheus.MustNewConstMetric(poolConnections, prometheus.GaugeValue, float64(n), state)
	}
}
