package ingest

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/eduardosanzb/flagmeter/internal/budget"
)

// showMemory publishes how much of the memory for requests is in use, unless reg is nil.
func showMemory(b *budget.Budget, reg prometheus.Registerer) {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "flagmeter_request_memory_bytes",
		Help: "Memory that requests in hand have taken: bodies, decoded events and answers. " +
			"Beyond flagmeter_request_memory_limit_bytes they are answered 503.",
	}, func() float64 { return float64(b.Taken()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "flagmeter_request_memory_limit_bytes",
		Help: "Memory that requests in hand may take (REQUEST_MEMORY)."}, func() float64 { return float64(b.Total()) })
}
