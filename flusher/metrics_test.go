package flusher

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// measured is a flusher with its registry, by a clock that is ahead of the machine's.
func (r *rig) measured(ahead time.Duration) (*Flusher, *prometheus.Registry) {
	registry := prometheus.NewRegistry()
	return New(Options{DB: r.DB, Valkey: r.Scripts, Dedupe: time.Hour, Now: func() time.Time {
		return time.Now().Add(ahead)
	},
		Log: quiet(), Registerer: registry}), registry
}

func (r *rig) run(f *Flusher) {
	r.Helper()
	if _, err := f.RunOnce(r.Context()); err != nil {
		r.Fatal(err)
	}
}

func TestMetricsFollowAFlush(t *testing.T) {
	r := newRigWith(t, "acme")
	r.Set(time.Now()) // else the events would be late, by the flusher's clock
	f, registry := r.measured(5 * time.Minute)
	metricstest.Lint(t, registry)
	before := metricstest.Values(t, registry)
	if before["flusher_runs_total/ok"] != 0 || before["flusher_runs_total/error"] != 0 ||
		before["flusher_batches_total/raw"] != 0 {
		t.Errorf("at first: %v", before)
	}
	began := time.Now()
	r.mustPost("acme", "chat", 5)
	r.mustPost("acme", "code", 6) // an answer before it was given: another group
	bytes := float64(r.inRaw())
	r.run(f)

	got := metricstest.Values(t, registry)
	for name, want := range map[string]float64{
		"flusher_runs_total/ok": 1, "flusher_run_seconds/count": 1, "flusher_batches_total/raw": 1,
		"flusher_batches_total/sum": 1,
		"flusher_events_total":      2, "flusher_tokens_total": 11, "flusher_rollup_rows_total": 2,
		"flusher_copied_bytes_total":            bytes,
		"flusher_ack_to_postgres_seconds/count": 2, "flusher_retries_total": 0,
		"flusher_ledger_hits_total": 0, "flusher_dead_events_total": 0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	// Both arrived 5 minutes before, by the flusher's clock, or a little earlier.
	least, most := 2*300.0-0.002, 2*(300+time.Since(began).Seconds())
	if sum := got["flusher_ack_to_postgres_seconds/sum"]; sum < least || sum > most {
		t.Errorf("acknowledged %.3f s before, want %.3f to %.3f", sum, least, most)
	}
	at := got["flusher_last_commit_timestamp_seconds"]
	if at < float64(began.Add(5*time.Minute).Unix()) {
		t.Errorf("last commit at %v", at)
	}
}

// inRaw is the size of the raw events that wait, in bytes.
func (r *rig) inRaw() int {
	r.Helper()
	groups, err := r.Valkey.LRange(r.Context(), "fm:{0}:raw", 0, -1).Result()
	if err != nil {
		r.Fatal(err)
	}
	size := 0
	for _, group := range groups {
		size += len(group)
	}
	return size
}

func TestFailedRunsAndRetriesAreCounted(t *testing.T) {
	env := stacktest.Own(t)
	r := newRig(t, env)
	f, registry := r.measured(0)
	r.run(f)
	env.Stack.Postgres.Kill()
	for range 2 {
		if _, err := f.RunOnce(t.Context()); err == nil {
			t.Fatal("a flush succeeds without Postgres")
		}
	}
	if err := env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The pool may still hand out a connection of before: that is one more retry.
	failed := 2.0
	for {
		if _, err := f.RunOnce(t.Context()); err == nil {
			break
		}
		failed++
	}
	r.run(f)
	got := metricstest.Values(t, registry)
	if got["flusher_runs_total/ok"] != 3 || got["flusher_runs_total/error"] != failed ||
		got["flusher_retries_total"] != failed {
		t.Errorf("after %v failures: %v ok, %v errors, %v retries", failed, got["flusher_runs_total/ok"],
			got["flusher_runs_total/error"], got["flusher_retries_total"])
	}
}

func TestRefusedDataIsRetriedAndDies(t *testing.T) {
	r := newRigWith(t, "acme")
	f, registry := r.measured(0)
	err := r.Valkey.RPush(t.Context(), "fm:{0}:raw", line("acme", 10)+"\n"+line("acme", "many")).Err()
	if err != nil {
		t.Fatal(err)
	}
	r.run(f)
	got := metricstest.Values(t, registry)
	if got["flusher_dead_events_total"] != 1 || got["flusher_events_total"] != 1 ||
		got["flusher_retries_total"] != 2 {
		t.Errorf("got %v", got)
	}
}

func TestABatchOfTheLedgerIsAHitAndNotCountedAgain(t *testing.T) {
	r := newRigWith(t, "acme")
	r.mustPost("acme", "chat", 5)
	f, registry := r.measured(time.Minute)
	f.after = dieAfter(batch.StepCommit) // before it is acknowledged
	if _, err := f.RunOnce(t.Context()); err == nil {
		t.Fatal("it did not die")
	}
	f.after = func(batch.Step) error { return nil }
	r.run(f)
	got := metricstest.Values(t, registry)
	if got["flusher_events_total"] != 1 || got["flusher_ledger_hits_total"] < 1 ||
		got["flusher_batches_total/raw"] != 1 ||
		got["flusher_ack_to_postgres_seconds/count"] != 1 {
		t.Errorf("got %v", got)
	}
}
