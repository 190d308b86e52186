package commit

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

var sizes = []struct{ events, tenants int }{{1, 1}, {1000, 1}, {1000, 1000}, {10_000, 10_000}}

// arrival is when the requests of these tests arrive.
var arrival = time.Date(2026, 8, 1, 12, 0, 0, 123_456_789, time.UTC)

func TestOnlyEventsOlderThanTwoMinutesAreLate(t *testing.T) {
	for _, c := range []struct {
		at   string
		late bool
	}{
		{"2026-08-01T12:05:00Z", false},
		{"2026-08-01T11:58:00Z", false},
		{"2026-08-01T11:57:59.999999Z", true},
		{"2026-07-01T00:00:00Z", true},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		s := &submission{}
		e := meter.Event{Tenant: "a", Feature: "b", Amounts: meter.OneEvent(1), At: at}
		s.add(0, uuid.UUID{}, e, eventID(e), meter.Tenant{Name: "a", Zone: time.UTC}, arrival)
		if got := s.sums.counters[0]; got.Late != c.late || got.Minute != at.Unix()/60 {
			t.Errorf("%s: %+v, want late %t", c.at, got, c.late)
		}
	}
}

// eventsOf are the events of a request.
func eventsOf(events, tenants int, ids bool) []meter.Event {
	var all []meter.Event
	for i := range events {
		e := meter.Event{Tenant: fmt.Sprintf("customer-%d", i%tenants), Feature: "gpt-4-turbo", Amounts: meter.OneEvent(1500)}
		if ids {
			e.ID = fmt.Sprintf("0198f3c2-7a4e-7cc1-9b7e-%012d", i)
		}
		all = append(all, e)
	}
	return all
}

func BenchmarkSubmission(b *testing.B) {
	for _, c := range sizes {
		for _, ids := range []bool{false, true} {
			b.Run(fmt.Sprintf("events=%d/tenants=%d/ids=%t", c.events, c.tenants, ids), func(b *testing.B) {
				events := eventsOf(c.events, c.tenants, ids)
				b.ReportAllocs()
				for b.Loop() {
					s := newSubmission(0, len(events))
					for i, e := range events {
						s.add(i, uuid.UUID{}, e, eventID(e), meter.Tenant{Name: e.Tenant, Zone: time.UTC}, arrival)
					}
					s.release()
				}
			})
		}
	}
}

func BenchmarkSums(b *testing.B) {
	for _, features := range []int{1, 4, 8, 9, 100, 1000} {
		b.Run(fmt.Sprintf("features=%d", features), func(b *testing.B) {
			counters := make([]scripts.Counter, 1000)
			for i := range counters {
				counters[i] = scripts.Counter{Tenant: "acme-corp", Feature: fmt.Sprintf("feature-%d", i%features), Amounts: meter.Amounts{1, 1}}
			}
			b.ReportAllocs()
			for b.Loop() {
				var s sums
				for _, c := range counters {
					s.add(c)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/counter")
		})
	}
}

// BenchmarkGroupCall makes one call of the requests of 256 connections.
func BenchmarkGroupCall(b *testing.B) {
	for _, tenants := range []int{1, 20, 256} {
		for _, ids := range []bool{false, true} {
			b.Run(fmt.Sprintf("requests=256/tenants=%d/ids=%t", tenants, ids), func(b *testing.B) {
				g := &group{}
				for _, e := range eventsOf(256, tenants, ids) {
					s := newSubmission(0, 1)
					s.add(0, uuid.UUID{}, e, eventID(e), meter.Tenant{Name: e.Tenant, Zone: time.UTC}, arrival)
					if !g.add(s) {
						b.Fatal("the group refuses a request")
					}
				}
				b.ReportAllocs()
				for b.Loop() {
					g.call("committer", 1)
				}
			})
		}
	}
}
