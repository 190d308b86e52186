package ingest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// BenchmarkNeighbour posts single events of one tenant, 200 a second, while another is quiet, sends
// ten times what its rate allows, or sends the same without a limit. It reports how long the
// first one's requests take. Run it with -benchtime 2000x.
func BenchmarkNeighbour(b *testing.B) {
	for _, c := range []struct {
		name      string
		perSecond int // what the other sends
		limited   bool
	}{
		{"quiet", 0, false},
		{"within=100", 100, true},
		{"at its limit of 100, sends=1000", 1000, true},
		{"without a limit, sends=1000", 1000, false},
	} {
		b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
			a := newAPI(b, stacktest.New(b))
			if c.limited {
				a.set("acme", "rate_limit = 100")
			}
			var refused, accepted atomic.Int64
			done := make(chan struct{})
			var other sync.WaitGroup
			for range 16 {
				other.Go(func() {
					if c.perSecond == 0 {
						return
					}
					tick := time.NewTicker(16 * time.Second / time.Duration(c.perSecond))
					defer tick.Stop()
					for {
						select {
						case <-done:
							return
						case <-tick.C:
						}
						r, err := a.do("POST", "/events", jsonType, strings.NewReader(acme(1, "")))
						if err == nil && r.status == 200 {
							accepted.Add(1)
						} else if err == nil && r.status == 429 {
							refused.Add(1)
						}
					}
				})
			}
			took := make([]time.Duration, 0, b.N)
			began := time.Now()
			tick := time.NewTicker(5 * time.Millisecond)
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
