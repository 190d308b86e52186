package scripts

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Observe registers metrics of the calls and of the client's connections. It must be called
// before the first call; without it nothing is timed.
func (v *Valkey) Observe(reg prometheus.Registerer) {
	v.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "flagmeter_valkey_script_seconds",
		Help:    "Round trip of a call of a script, with Valkey's fsync and what rides behind it in the same pipeline.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .1, .5, 2.5}}, []string{"script"})
	reg.MustRegister(v.seconds, poolCollector{v.rdb})
}

// observe times a pipeline by the first script in it.
func (v *Valkey) observe(script string, start time.Time) {
	if v.seconds != nil {
		v.seconds.WithLabelValues(script).Observe(time.Since(start).Seconds())
	}
}

// poolCollector publishes the state of the client's connections. The client counts; nothing is
// asked of Valkey.
type poolCollector struct{ rdb redis.UniversalClient }

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

func (poolCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{poolHits, poolMisses, poolTimeouts, poolStale, poolConnections} {
		out <- d
	}
}

func (c poolCollector) Collect(out chan<- prometheus.Metric) {
	s := *c.rdb.PoolStats()
	if p := s.PipelineStats; p != nil { // pipelines, as all scripts are sent, have a pool of their own
		s.Hits, s.Misses, s.Timeouts, s.StaleConns = s.Hits+p.Hits, s.Misses+p.Misses, s.Timeouts+p.Timeouts, s.StaleConns+p.StaleConns
		s.TotalConns, s.IdleConns = s.TotalConns+p.TotalConns, s.IdleConns+p.IdleConns
	}
	count := func(d *prometheus.Desc, n uint32) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
	count(poolHits, s.Hits)
	count(poolMisses, s.Misses)
	count(poolTimeouts, s.Timeouts)
	count(poolStale, s.StaleConns)
	out <- prometheus.MustNewConstMetric(poolConnections, prometheus.GaugeValue, float64(s.TotalConns), "total")
	out <- prometheus.MustNewConstMetric(poolConnections, prometheus.GaugeValue, float64(s.IdleConns), "idle")
}
