package ingest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// BenchmarkNeighbour posts single events of one tenant, 200 a second, and reports how long
// that takes while another tenant is quiet, sends ten times what its rate allows, or sends as
// much without a limit; beside as many requests for /healthz, which need nothing but
// HTTP; and beside 16 and 64 clients that send the largest batches without a pause: 10,000 events
// with ids in 280 features and 33 days. All clients are in the server's process. Run it with
// -benchtime 1000x.
func BenchmarkNeighbour(b *testing.B) {
	const perSecond = 1000
	for _, c := range []struct {
		name         string
		sends        bool
		limit, other string // other: a route to ask for instead
		backfills    int    // clients that send batches
	}{
		{name: "quiet"},
		{name: "at_its_limit", sends: true, limit: "rate_limit = 100"},
		{name: "without_a_limit", sends: true},
		{name: "healthz", sends: true, other: "/healthz"},
		{name: "16_backfills", backfills: 16},
		{name: "64_backfills", backfills: 64},
	} {
		b.Run(c.name, func(b *testing.B) {
			a := newAPI(b, stacktest.New(b))
			if c.limit != "" {
				a.set("acme", c.limit)
			}
			var refused, accepted atomic.Int64
			send := func() {
				method, path := "POST", "/events"
				if c.other != "" {
					method, path = "GET", c.other
				}
				if r, err := a.do(method, path, jsonType, strings.NewReader(acme(1, ""))); err == nil &&
					r.status == 200 {
					accepted.Add(1)
				} else if err == nil && (r.status == 429 || r.status == 402) {
					refused.Add(1)
				}
			}
			done := make(chan struct{})
			var other sync.WaitGroup
			const mark = "\x00mark\x00"
			batch := backfill("acme", mark, 10_000)
			flush := a.flusher()
			other.Go(func() {
				for range time.Tick(time.Second) {
					if _, err := flush.RunOnce(b.Context()); err != nil {
						b.Error(err)
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
			for client := range c.backfills {
				other.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-done:
							return
						default:
						}
						body := strings.ReplaceAll(batch, mark, fmt.Sprint(client, "/", n))
						if r, err := a.do("POST", "/events", ndjsonType, strings.NewReader(body)); err == nil &&
							r.status == 200 {
							accepted.Add(10_000)
						} else {
							refused.Add(1)
						}
					}
				})
			}
			clients := 0
			if c.sends {
				clients = 16
			}
			for i := range clients {
				other.Go(func() {
					time.Sleep(time.Duration(i) * time.Second / perSecond) // not all at once
					tick := time.NewTicker(time.Duration(clients) * time.Second / perSecond)
					defer tick.Stop()
					for {
						select {
						case <-done:
							return
						case <-tick.C:
							send()
						}
					}
				})
			}
			took := make([]time.Duration, 0, b.N)
			began := time.Now()
			tick := time.NewTicker(5100 * time.Microsecond) // in step with nobody
			defer tick.Stop()
			for b.Loop() {
				<-tick.C
				start := time.Now()
				if r := a.post(jsonType, `{"tenant":"free","feature":"chat","tokens":1}`); r.status != 200 {
					b.Fatal(r.body)
				}
				took = append(took, time.Since(start))
			}
			seconds := time.Since(began).Seconds()
			close(done)
			other.Wait()
			slices.Sort(took)
			for _, p := range []int{50, 90, 99} {
				b.ReportMetric(float64(took[len(took)*p/100].Microseconds()), fmt.Sprintf("p%d-µs", p))
			}
			b.ReportMetric(float64(accepted.Load())/seconds, "accepted/s")
			b.ReportMetric(float64(refused.Load())/seconds, "refused/s")
		})
	}
}
