package flusher

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// watch is a Queue on the rig's Valkey, by a clock that is ahead of the machine's.
func (r *rig) watch(ahead time.Duration) (*Queue, *prometheus.Registry) {
	registry := prometheus.NewRegistry()
	return NewQueue(r.valkey, func() time.Time { return time.Now().Add(ahead) }, quiet(), registry),
		registry
}

// looks looks and returns what is published.
func looks(t *testing.T, q *Queue, registry *prometheus.Registry) map[string]float64 {
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
		got := looks(t, q, registry)
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

	r.advance(time.Minute)
	crashed := r.flusher()
	crashed.after = dieAfter(stepRead)
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
	if err := r.dir.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
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
	if got := looks(t, q, registry); got["queue_raw_events"] != 1 ||
		got["queue_oldest_event_seconds"] < 3600 || got["queue_oldest_event_seconds"] > 3700 {
		t.Errorf("got %v", got)
	}
	if err := env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.flusher().RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := looks(t, q, registry)
	if got["queue_raw_events"] != 0 || got["queue_oldest_event_seconds"] != 0 {
		t.Errorf("afterwards: %v", got)
	}
}

func TestValkeyMetricsFollowValkey(t *testing.T) {
	env := stacktest.Own(t)
	valkey := scripts.New(env.Valkey, 1)
	registry := prometheus.NewRegistry()
	q := NewQueue(valkey, time.Now, quiet(), registry)
	if got := metricstest.Values(t, registry); got["queue_up"] != 0 || len(got) != 1 {
		t.Errorf("before the first look: %v", got)
	}
	set := func(name, value string) {
		t.Helper()
		if err := env.Valkey.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	set("maxmemory", "64mb")
	set("appendonly", "yes")
	if got := looks(t, q, registry); got["valkey_memory_max_bytes"] != 64<<20 ||
		got["valkey_memory_used_bytes"] < 100<<10 || got["valkey_aof_ok"] != 1 {
		t.Errorf("got %v", got)
	}
	set("appendonly", "no")
	if got := looks(t, q, registry); got["valkey_aof_ok"] != 0 {
		t.Errorf("without an append-only file: %v", got)
	}
	env.Stack.Valkey.Kill()
	if err := q.Sample(t.Context()); err == nil {
		t.Error("a look at a Valkey that is gone succeeds")
	}
	if got := metricstest.Values(t, registry); got["queue_up"] != 0 || len(got) != 1 {
		t.Errorf("while valkey is away: %v", got)
	}
}

func TestALookThatIsOldIsNotTold(t *testing.T) {
	r := newRigWith(t)
	q, registry := r.watch(0)
	looks(t, q, registry)
	seen := *q.last.Load()
	seen.at = time.Now().Add(-lookValid - time.Millisecond)
	q.last.Store(&seen)
	if got := metricstest.Values(t, registry); got["queue_up"] != 0 || len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// dieAfter ends a run after a step.
func dieAfter(last step) func(step) error {
	return func(s step) error {
		if s == last {
			return errCrash
		}
		return nil
	}
}
