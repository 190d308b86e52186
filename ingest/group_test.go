package ingest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
	"github.com/eduardosanzb/flagmeter/scripts"
)

func TestConcurrentRequestsShareCalls(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	const clients, each = 64, 20
	a.counted(acme(1, ""))
	before := a.calls()
	var highest atomic.Int64
	together(clients, func(client int) {
		for i := range each {
			body := fmt.Sprintf(`[%s,{"tenant":"free","feature":"f%d","tokens":3}]`, acme(2, ""), client%5)
			if i%2 == 1 {
				body = acme(2, fmt.Sprintf(`,"id":"%d-%d"`, client, i)) + "\n" + fmt.Sprintf(`{"tenant":"free","feature":"f%d","tokens":3}`, client%5)
			}
			contentType := []string{jsonType, ndjsonType}[i%2]
			r, err := a.do("POST", "/events", contentType, strings.NewReader(body))
			if err != nil || r.status != 200 {
				t.Errorf("%d %s, %v", r.status, r.body, err)
				return
			}
			total := a.read(r).Usage[0].TotalTokens
			for h := highest.Load(); total > h && !highest.CompareAndSwap(h, total); h = highest.Load() {
			}
		}
	})
	const requests = clients * each
	if calls := a.calls() - before; calls > requests/2 {
		t.Errorf("%d calls for %d requests of %d clients", calls, requests, clients)
	}
	if got := a.total("acme"); got != 1+2*requests || highest.Load() != got {
		t.Errorf("acme: %d tokens, the highest answer says %d, want %d", got, highest.Load(), 1+2*requests)
	}
	if got := a.total("free"); got != 3*requests {
		t.Errorf("free: %d tokens, want %d", got, 3*requests)
	}
	if got := value(t, a.server.metrics.events); got != 1+2*requests {
		t.Errorf("the metric says %v events, want %d", got, 1+2*requests)
	}
}

func TestAGroupTakesNoMoreThanItsLimit(t *testing.T) {
	c := &committer{queue: newQueue(0)}
	for range 30 {
		s := &submission{lines: make([]byte, 100_000), items: make([]item, 10)}
		c.queue.push(s)
	}
	var sizes []int
	for range 3 {
		g := c.collect()
		sizes = append(sizes, len(g.submissions))
	}
	if fmt.Sprint(sizes) != "[11 11 8]" { // 11 · 100,000 bytes is the first size above 1 MiB
		t.Errorf("groups of %v requests", sizes)
	}
}

// While Postgres is away, what many tenants have used is looked up in many hashes.
func TestAGroupEndsByWhatItsLimitsCost(t *testing.T) {
	// That of one tenant is looked up once.
	for name, want := range map[string]int{"tenant-%d": 8, "tenant": 30} {
		c := &committer{queue: newQueue(0)}
		for n := range 30 {
			tenant := meter.Tenant{Name: strings.ReplaceAll(name, "%d", fmt.Sprint(n))}
			c.queue.push(&submission{tenants: []meter.Tenant{tenant}, items: make([]item, 1),
				limitCost: limitCost{quotas: 1000}})
		}
		if got := len(c.collect().submissions); got != want {
			t.Errorf("%s: a group of %d requests, want %d", name, got, want)
		}
	}
}

func TestAGroupCostsNoMoreThanItsLimit(t *testing.T) {
	c := &committer{queue: newQueue(0)}
	for request := range 5 {
		s := &submission{ids: 900}
		for i := range 900 {
			s.items = append(s.items, item{id: scripts.EventID{Tenant: "acme", ID: fmt.Sprint(request, "-", i)}})
		}
		c.queue.push(s)
	}
	if first, second := len(c.collect().submissions), len(c.collect().submissions); first != 2 || second != 2 {
		t.Errorf("groups of %d and %d requests, want 2 and 2: 1800 ids cost more than %d", first, second, maxGroupCost)
	}
}

// An id that occurs in two requests must be judged after the first of them is stored.
func TestAGroupHoldsAnIDOnce(t *testing.T) {
	c := &committer{queue: newQueue(0)}
	request := func(ids ...string) *submission {
		s := &submission{}
		for _, id := range ids {
			s.items = append(s.items, item{id: scripts.EventID{Tenant: "acme", ID: id}})
		}
		return s
	}
	for _, s := range []*submission{request("a", "b"), request("", ""), request("c", "b"), request("c"), request("a"), request("d")} {
		c.queue.push(s)
	}
	var got []string
	for range 2 {
		for _, s := range c.collect().submissions {
			text := ""
			for _, it := range s.items {
				text += "[" + it.id.ID + "]"
			}
			got = append(got, text)
		}
		got = append(got, "|")
	}
	if want := "[a][b] [][] [c] [d] | [c][b] [a] |"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
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

var sizes = []struct{ events, tenants int }{{1, 1}, {1000, 1}, {1000, 1000}, {10_000, 10_000}}

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
