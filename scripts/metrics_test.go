package scripts

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestCallsAndConnectionsAreMeasured(t *testing.T) {
	r := newRig(t)
	registry := prometheus.NewRegistry()
	r.Observe(registry)
	r.add(chat(1))
	r.add(chat(1))
	r.seal(now)
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	calls, others := map[string]uint64{}, map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			switch {
			case m.Histogram != nil:
				calls[m.Label[0].GetValue()] = m.Histogram.GetSampleCount()
			case m.Gauge != nil:
				others[f.GetName()+"/"+m.Label[0].GetValue()] = m.Gauge.GetValue()
			default:
				others[f.GetName()] = m.Counter.GetValue()
			}
		}
	}
	// The usage that rides behind ingest.lua is a part of its round trip. A call may be made
	// twice, if Valkey did not know the script.
	if calls["ingest"] < 2 || calls["seal"] < 1 || calls["usage"] != 0 {
		t.Errorf("calls: %v", calls)
	}
	if others["flagmeter_valkey_pool_hits_total"] < 2 || others["flagmeter_valkey_pool_misses_total"] < 1 ||
		others["flagmeter_valkey_pool_connections/total"] < 1 || others["flagmeter_valkey_pool_connections/idle"] < 1 {
		t.Errorf("pool: %v", others)
	}
}
