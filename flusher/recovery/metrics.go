package recovery

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	rewinds prometheus.Counter
	rewound prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	return metrics{
		rewinds: f.NewCounter(prometheus.CounterOpts{Name: "flagmeter_flusher_rewinds_total",
			Help: "Detected losses of acknowledged writes in Valkey."}),
		rewound: f.NewGauge(prometheus.GaugeOpts{Name: "flagmeter_flusher_rewound",
			Help: "1 while events are refused because Valkey has lost writes."}),
	}
}
