package command

import (
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// newRegistry returns a registry with what every role publishes: its build, the Go runtime, the
// process, and its connections to both stores. It is nil if the settings say that nobody
// observes.
func newRegistry(
	cfg config.Config, build Build, db *sqlx.DB, valkey *scripts.Valkey,
) *prometheus.Registry {
	if !cfg.Observe {
		return nil
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewDBStatsCollector(db.DB, "flagmeter"))
	build.register(registry)
	valkey.Observe(registry)
	return registry
}

// registerer is the registry for those who only register, or none.
func (p *process) registerer() prometheus.Registerer {
	if p.registry == nil {
		return nil // and not an interface that holds nil
	}
	return p.registry
}

// observeOdd publishes how many settings of a table's rows this process could not read.
func (p *process) observeOdd(table string, unreadable func() int) {
	if p.registry == nil {
		return
	}
	p.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flagmeter_unreadable_rows",
		Help: "Settings in rows that this process could not read as they are, so that others" +
			" are in force; by table.",
		ConstLabels: prometheus.Labels{"table": table},
	}, func() float64 { return float64(unreadable()) }))
}
