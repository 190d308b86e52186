package scripts

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
)

func TestCallsAndConnectionsAreMeasured(t *testing.T) {
	r := newRig(t)
	registry := prometheus.NewRegistry()
	r.Observe(registry)
	r.add(chat(1))
	r.add(chat(1))
	r.seal(now)
	metricstest.Lint(t, registry)
	got := metricstest.Values(t, registry)
	// The usage that rides behind ingest.lua is a part of its round trip. A call may be made
	// twice, if Valkey did not know the script.
	if got["valkey_script_seconds/ingest/count"] < 2 || got["valkey_script_seconds/seal/count"] < 1 ||
		got["valkey_script_seconds/usage/count"] != 0 {
		t.Errorf("calls: %v", got)
	}
	if got["valkey_pool_hits_total"] < 2 || got["valkey_pool_misses_total"] < 1 ||
		got["valkey_pool_connections/total"] < 1 || got["valkey_pool_connections/idle"] < 1 {
		t.Errorf("pool: %v", got)
	}
}
