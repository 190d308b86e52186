package backlog

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// values samples the queue and returns what is published.
func values(t *testing.T, w *Watch, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	if err := w.Sample(t.Context()); err != nil {
		t.Fatal(err)
	}
	return metricstest.Values(t, registry)
}

func TestValkeyMetricsFollowValkey(t *testing.T) {
	env := stacktest.Own(t)
	valkey := scripts.New(env.Valkey, 1)
	registry := prometheus.NewRegistry()
	q := New(valkey, time.Now, slog.New(slog.DiscardHandler), registry)
	if got := metricstest.Values(t, registry); got["queue_up"] != 0 || len(got) != 1 {
		t.Errorf("before the first sample: %v", got)
	}
	set := func(name, value string) {
		t.Helper()
		if err := env.Valkey.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	set("maxmemory", "64mb")
	set("appendonly", "yes")
	if got := values(t, q, registry); got["valkey_memory_max_bytes"] != 64<<20 ||
		got["valkey_memory_used_bytes"] < 100<<10 || got["valkey_aof_ok"] != 1 {
		t.Errorf("got %v", got)
	}
	set("appendonly", "no")
	if got := values(t, q, registry); got["valkey_aof_ok"] != 0 {
		t.Errorf("without an append-only file: %v", got)
	}
	env.Stack.Valkey.Kill()
	if err := q.Sample(t.Context()); err == nil {
		t.Error("a sample of a Valkey that is gone succeeds")
	}
	if got := metricstest.Values(t, registry); got["queue_up"] != 0 || len(got) != 1 {
		t.Errorf("while valkey is away: %v", got)
	}
}

func TestAnOldSampleIsNotPublished(t *testing.T) {
	registry := prometheus.NewRegistry()
	valkey := scripts.New(stacktest.New(t).AppValkey, 1)
	q := New(valkey, time.Now, slog.New(slog.DiscardHandler), registry)
	values(t, q, registry)
	seen := *q.last.Load()
	seen.at = time.Now().Add(-validFor - time.Millisecond)
	q.last.Store(&seen)
	if got := metricstest.Values(t, registry); got["queue_up"] != 0 || len(got) != 1 {
		t.Errorf("got %v", got)
	}
}
