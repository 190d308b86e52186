package ingest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// BenchmarkCommitter commits requests of so many events, 128 at a time, to a real Valkey
// that has each group on disk before it answers; with key, each under an Idempotency-Key.
func BenchmarkCommitter(b *testing.B) {
	for _, c := range []struct {
		events, tenants int
		key             string
	}{{1, 1, ""}, {10, 1, ""}, {100, 1, ""}, {100, 1, "/key"}, {1000, 1, ""}, {1000, 1, "/key"}, {1000, 1000, ""}} {
		b.Run(fmt.Sprintf("events=%d/tenants=%d%s", c.events, c.tenants, c.key), func(b *testing.B) {
			a := newAPI(b, stacktest.New(b), featured(1000)) // as is the default
			a.flush()
			events := eventsOf(c.events, c.tenants, false)
			b.ReportAllocs()
			b.SetParallelism(64)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					var sent record.Request
					if c.key != "" {
						sent = sentUnder(uuid.NewString(), "")
					}
					s := newSubmissionUnder(sent, 0, len(events))
					var content requestContent
					for i, e := range events {
						if c.key != "" {
							content.add(&e)
						}
						s.add(i, a.server.ids.Next(arrival), e, eventID(e), meter.Tenant{Name: e.Tenant, Zone: time.UTC}, arrival)
					}
					if c.key != "" {
						giveKey([]*submission{s}, "", content.digest())
					}
					if _, problem := a.server.commit(b.Context(), []*submission{s}); problem != nil {
						b.Error(problem)
						return
					}
				}
			})
			b.ReportMetric(float64(c.events*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
