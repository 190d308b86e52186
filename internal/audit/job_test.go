package audit_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
)

func TestTheJobPublishesDrift(t *testing.T) {
	r := newRig(t, 0, "acme", "globex")
	history(r)
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	job := audit.NewJob(audit.Options{DB: r.AppDB, Valkey: r.Scripts, Now: r.Now,
		Log: slog.New(slog.NewTextHandler(&log, nil)), Registerer: registry})
	want := func(want map[string]float64) {
		t.Helper()
		if _, err := job.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := gather(t, registry); !maps.Equal(got, want) {
			t.Errorf("metrics are %v, want %v", got, want)
		}
	}
	now := float64(r.Now().Unix())
	want(map[string]float64{"runs_total/clean": 1, "runs_total/drift": 0, "runs_total/error": 0,
		"last_success_timestamp_seconds": now,
		"drift_tokens/rollups":           0, "drift_tokens/usage_daily": 0, "drift_rows/rollups": 0,
		"drift_rows/usage_daily": 0})
	if log.Len() > 0 {
		t.Errorf("a clean audit logs %s", &log)
	}
	r.Exec("UPDATE rollups SET total_tokens = total_tokens + 7 WHERE tenant = 'acme' AND feature = " +
		"'chat' AND minute = '2026-03-10 11:00Z'")
	r.Exec("UPDATE rollups SET total_tokens = total_tokens - 7 WHERE tenant = 'acme' AND feature = " +
		"'chat' AND minute = '2026-03-10 10:59Z'")
	r.Exec("UPDATE usage_daily SET total_tokens = total_tokens - 3 WHERE tenant = 'globex' AND " +
		"feature = 'chat' AND day = '2026-03-10'")
	want(map[string]float64{"runs_total/clean": 1, "runs_total/drift": 1, "runs_total/error": 0,
		"last_success_timestamp_seconds": now,
		"drift_tokens/rollups":           14, "drift_tokens/usage_daily": 3, "drift_rows/rollups": 2,
		"drift_rows/usage_daily": 1})
	for _, part := range []string{"level=ERROR", "flagmeter audit", "--repair", "rollups_tokens=14"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log does not say %q: %s", part, &log)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := job.Run(ended); err != nil {
		t.Errorf("a job that is told to end returns %v", err)
	}
}

// gather returns the values of the audit's metrics, but for its duration.
func gather(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for name, value := range metricstest.Values(t, registry) {
		values[strings.TrimPrefix(name, "audit_")] = value
	}
	delete(values, "seconds")
	return values
}
