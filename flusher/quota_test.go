package flusher

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/test/kit/api"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// A quota holds to the token while 100 clients of two ingest processes use it up and its
// tokens move from Valkey to Postgres, are settled and dropped.
func TestAQuotaIsExactAtItsEdge(t *testing.T) {
	for _, mode := range []string{"soft", "strict"} {
		t.Run(mode, func(t *testing.T) {
			const clients, quota, largest = 100, 60_000, 100
			r := newRig(t, stacktest.New(t))
			if _, err := r.DB.Exec("INSERT INTO tenants (name, monthly_quota, enforce)"+
				" VALUES ('acme', $1, $2)", quota, mode); err != nil {
				t.Fatal(err)
			}
			r.Reload()
			servers := []api.Client{r.API, r.Serve()}

			var accepted, refused atomic.Int64
			edge := make(chan struct{})  // closed when the last client has met the edge
			posts := make(chan struct{}) // whoever has posted enough waits here for the flusher
			var flushing sync.WaitGroup
			dropped := false
			flushing.Go(func() {
				f := r.flusher()
				for i := 0; ; i++ {
					select {
					case <-edge:
						return
					case <-posts:
					}
					if _, err := f.RunOnce(t.Context()); err != nil {
						t.Errorf("flush: %v", err)
					}
					r.Advance([]time.Duration{time.Minute, 7 * time.Second, usage.Grace}[i%3])
					if n, err := r.Valkey.Exists(t.Context(), "fm:{0}:dropped").Result(); err == nil && n > 0 {
						dropped = true
					}
				}
			})
			var posting sync.WaitGroup
			for c := range clients {
				posting.Go(func() {
					random := rand.New(rand.NewPCG(uint64(c), 7))
					for i := 0; ; i++ {
						var tokens int64
						var events []string
						for range 1 + random.IntN(3) {
							n := 1 + random.Int64N(largest)
							tokens += n
							events = append(events, fmt.Sprintf(`{"tenant":"acme","feature":"chat","tokens":%d}`, n))
						}
						answer, err := servers[(c+i)%2].TryPost(t.Context(), "["+strings.Join(events, ",")+"]")
						switch {
						case err != nil:
							t.Error(err)
							return
						case answer.Status == http.StatusOK:
							if before := accepted.Load() / 2000; accepted.Add(tokens)/2000 > before {
								posts <- struct{}{}
							}
						case answer.Status == http.StatusPaymentRequired &&
							strings.Contains(answer.Body, "quota-exceeded"):
							refused.Add(1)
							return
						default:
							t.Errorf("%d %s", answer.Status, answer.Body)
							return
						}
					}
				})
			}
			posting.Wait()
			close(edge)
			flushing.Wait()

			got := accepted.Load()
			switch most := int64(3 * largest); { // of a batch
			case mode == "strict" && (got > quota || got <= quota-most):
				t.Errorf("%d tokens are accepted, the quota is %d", got, quota)
			case mode == "soft" && (got >= quota+largest || got <= quota-most):
				t.Errorf("%d tokens are accepted, the quota is %d and an event has %d at most",
					got, quota, largest)
			}
			if refused.Load() != clients || !dropped {
				t.Errorf("%d clients were refused, want %d; a batch was dropped meanwhile: %t",
					refused.Load(), clients, dropped)
			}
			live := r.Reader()
			if err := live.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if u, err := live.Tenant(t.Context(), "acme"); err != nil || u.Used[meter.Tokens] != got {
				t.Errorf("usage is %d, %v; acknowledged are %d", u.Used[meter.Tokens], err, got)
			}
			// At the edge: what fits passes until nothing does.
			for status := http.StatusOK; status == http.StatusOK; {
				if status, _ = r.post(`{"tenant":"acme","feature":"chat","tokens":1}`); status ==
					http.StatusOK {
					got++
				}
			}
			if got < quota || mode == "strict" && got != quota {
				t.Errorf("%d tokens are accepted in the end, the quota is %d", got, quota)
			}
		})
	}
}
