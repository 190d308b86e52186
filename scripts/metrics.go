package scripts

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/valkey"
)

// Observe registers metrics of the calls and of the client's connections. Call it before the first
// call; without it nothing is timed.
func (v *Valkey) Observe(reg prometheus.Registerer) {
	v.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "flagmeter_valkey_script_seconds",
		Help: "Round trip of a script call, including Valkey's fsync and later commands of the" +
			" same pipeline.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .1, .5, 2.5},
	}, []string{"script"})
	reg.MustRegister(v.seconds, valkey.Pool{Client: v.rdb})
}

// observe times a pipeline under the name of its first script.
func (v *Valkey) observe(script string, start time.Time) {
	if v.seconds != nil {
		v.seconds.WithLabelValues(script).Observe(time.Since(start).Seconds())
	}
}
