// Package metricstest tells a test what a registry publishes.
package metricstest

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

// Values are the present values by name, without flagmeter_ in front and with the values of the
// labels behind, in the order of the labels' names: http_request_seconds/2xx/POST//events. Of a
// histogram they are /count and /sum.
func Values(tb testing.TB, g prometheus.Gatherer) map[string]float64 {
	tb.Helper()
	families, err := g.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := strings.TrimPrefix(f.GetName(), "flagmeter_")
			for _, l := range m.Label {
				name += "/" + l.GetValue()
			}
			if h := m.Histogram; h != nil {
				values[name+"/count"], values[name+"/sum"] = float64(h.GetSampleCount()), h.GetSampleSum()
				continue
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue() // one of them is nil, and 0
		}
	}
	return values
}

// Lint fails the test unless all names and help texts follow the rules of Prometheus.
func Lint(tb testing.TB, g prometheus.Gatherer) {
	tb.Helper()
	problems, err := testutil.GatherAndLint(g)
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range problems {
		tb.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Series is how many series Prometheus makes of families, if it takes native histograms beside
// the classic ones.
func Series(families []*dto.MetricFamily) (n int) {
	for _, f := range families {
		for _, m := range f.Metric {
			switch {
			case m.Histogram != nil:
				n += len(m.Histogram.Bucket) + 3 // +Inf, sum, count
				if len(m.Histogram.PositiveSpan) > 0 {
					n++ // the native histogram is one
				}
			case m.Summary != nil:
				n += len(m.Summary.Quantile) + 2
			default:
				n++
			}
		}
	}
	return n
}
