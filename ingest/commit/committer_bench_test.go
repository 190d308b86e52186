package commit

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/backendtest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// BenchmarkCommitter commits requests of so many events, 128 at a time, to a real Valkey
// that has each group on disk before it answers; with key, each under an Idempotency-Key.
func BenchmarkCommitter(b *testing.B) {
	for _, c := range []struct {
		events, tenants int
		key             string
	}{{1, 1, ""}, {10, 1, ""}, {100, 1, ""}, {100, 1, "/key"}, {1000, 1, ""}, {1000, 1, "/key"},
		{1000, 1000, ""}} {
		b.Run(fmt.Sprintf("events=%d/tenants=%d%s", c.events, c.tenants, c.key), func(b *testing.B) {
			committers := running(b, Settings{Dedupe: time.Hour, MaxFeatures: 1000,
				GroupLinger: 2 * time.Millisecond})
			events := eventsOf(c.events, c.tenants, false)
			b.ReportAllocs()
			b.SetParallelism(64)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					key := ""
					if c.key != "" {
						key = uuid.NewString()
					}
					r := committers.NewRequest(Sender{}, key, len(events), arrival)
					for i, e := range events {
						r.Add(i, e, meter.Tenant{Name: e.Tenant, Zone: time.UTC})
					}
					if _, err := committers.Commit(b.Context(), r); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(c.events*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// running returns committers that run until the test ends, on real stores in which a flusher has
// noted that it reads the lines of requests with keys.
func running(tb testing.TB, s Settings) *Committers {
	tb.Helper()
	env := stacktest.New(tb)
	b := backendtest.New(tb, env, func() time.Time { return arrival })
	f := flusher.New(flusher.Options{DB: env.DB, Valkey: b.Valkey, Now: b.Now, Log: b.Log,
		Registerer: prometheus.NewRegistry()})
	if _, err := f.RunOnce(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	committers := New(b, s, nil)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		committers.Run(tb.Context())
	}()
	tb.Cleanup(func() { <-stopped })
	return committers
}
