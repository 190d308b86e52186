package ingest

import (
	"fmt"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// BenchmarkCommitter commits requests of so many events, 128 at a time, to a real Valkey
// that has each group on disk before it answers.
func BenchmarkCommitter(b *testing.B) {
	for _, c := range []struct{ events, tenants int }{{1, 1}, {10, 1}, {100, 1}, {1000, 1}, {1000, 1000}} {
		b.Run(fmt.Sprintf("events=%d/tenants=%d", c.events, c.tenants), func(b *testing.B) {
			a := newAPI(b, stacktest.New(b), featured(1000)) // as is the default
			events := eventsOf(c.events, c.tenants, false)
			b.ReportAllocs()
			b.SetParallelism(64)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					s := newSubmission(0, len(events))
					for i, e := range events {
						s.add(i, a.server.ids.Next(arrival), e, eventID(e), meter.Tenant{Name: e.Tenant, Zone: time.UTC}, arrival)
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
