package flusher

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher/backlog"
	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// watch watches the rig's Valkey, by a clock that is ahead of the machine's.
func (r *rig) watch(ahead time.Duration) (*backlog.Watch, *prometheus.Registry) {
	registry := prometheus.NewRegistry()
	now := func() time.Time { return time.Now().Add(ahead) }
	return backlog.New(r.Scripts, now, quiet(), registry), registry
}

// sample samples the queue and returns what is published.
func sample(t *testing.T, q *backlog.Watch, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	if err := q.Sample(t.Context()); err != nil {
		t.Fatal(err)
	}
	return metricstest.Values(t, registry)
}

func TestQueueMetricsFollowTheQueue(t *testing.T) {
	r := newRigWith(t, "acme")
	q, registry := r.watch(90 * time.Second)
	want := func(when string, events, minutes, raws, sums float64, oldest bool) {
		t.Helper()
		got := sample(t, q, registry)
		if got["queue_up"] != 1 || got["queue_raw_events"] != events ||
			got["queue_open_sums"] != minutes ||
			got["queue_sealed_batches/raw"] != raws || got["queue_sealed_batches/sum"] != sums {
			t.Errorf("%s: %v", when, got)
		}
		// Ids have the machine's clock: nobody has flushed for 90 s, by the queue's.
		age := got["queue_oldest_event_seconds"]
		if oldest != (age >= 90 && age < 150) || !oldest && age != 0 {
			t.Errorf("%s: the oldest event is %.1f s old", when, age)
		}
	}
	want("at first", 0, 0, 0, 0, false)
	r.mustPost("acme", "chat", 5)
	r.mustPost("acme", "chat", 6)
	want("without a flusher", 2, 1, 0, 0, true)

	r.Advance(time.Minute)
	crashed := r.flusher()
	crashed.after = dieAfter(batch.StepRead)
	if _, err := crashed.RunOnce(t.Context()); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	want("sealed by a flusher that has died", 2, 0, 1, 1, true)
	r.mustPost("acme", "chat", 7)
	want("sealed and open", 3, 1, 1, 1, true)

	// Another flusher works, and this process sees it.
	if _, err := r.flusher().RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("flushed", 0, 1, 0, 0, false)

	metricstest.Lint(t, registry)
}

func TestQueueMetricsWhilePostgresIsAway(t *testing.T) {
	env := stacktest.Own(t)
	r := newRig(t, env)
	r.addTenant("acme", "UTC", 1)
	r.Reload()
	f := r.flusher()
	if _, err := f.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	env.Stack.Postgres.Kill()
	r.mustPost("acme", "chat", 5)
	if _, err := f.RunOnce(t.Context()); err == nil {
		t.Fatal("a flush succeeds without Postgres")
	}
	q, registry := r.watch(time.Hour)
	if got := sample(t, q, registry); got["queue_raw_events"] != 1 ||
		got["queue_oldest_event_seconds"] < 3600 || got["queue_oldest_event_seconds"] > 3700 {
		t.Errorf("got %v", got)
	}
	if err := env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.flusher().RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := sample(t, q, registry)
	if got["queue_raw_events"] != 0 || got["queue_oldest_event_seconds"] != 0 {
		t.Errorf("afterwards: %v", got)
	}
}

// dieAfter ends a run after a step.
func dieAfter(last batch.Step) func(batch.Step) error {
	return func(s batch.Step) error {
		if s == last {
			return errCrash
		}
		return nil
	}
}
