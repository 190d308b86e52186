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

// A strict quota holds to the token while small requests of one tenant and large ones of many,
// which are judged in parts and hold what they take, use it up at two ingest processes, and batches
// are settled and dropped. A large request counts for all of its tenants or for none.
func TestAQuotaIsExactBesideLargeRequests(t *testing.T) {
	const quota, largest, tenants, small, large = 60_000, 100, 1500, 6, 4
	r := newRig(t, stacktest.New(t))
	r.DB.MustExecContext(t.Context(),
		"INSERT INTO tenants (name, monthly_quota, enforce) VALUES ('acme', $1, 'strict')", quota)
	r.DB.MustExecContext(t.Context(), `INSERT INTO tenants (name, monthly_quota, enforce)
		SELECT 'tenant-' || n, 1000000, 'strict' FROM generate_series(1, $1::int) AS n`, tenants)
	r.Reload()
	servers := []api.Client{r.API, r.Serve()}
	var accepted, batches, again atomic.Int64
	over := make(chan struct{})
	posts := make(chan struct{}) // whoever has posted enough waits here for the flusher
	counted := make(chan struct{})
	countedLarge := sync.OnceFunc(func() { close(counted) })
	var flushing sync.WaitGroup
	flushing.Go(func() {
		f := r.flusher()
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			case <-posts:
			}
			if _, err := f.RunOnce(t.Context()); err != nil {
				t.Errorf("flush: %v", err)
			}
			r.Advance([]time.Duration{time.Minute, 7 * time.Second, usage.Grace}[i%3])
		}
	})
	var posting sync.WaitGroup
	for c := range small + large {
		posting.Go(func() {
			random := rand.New(rand.NewPCG(uint64(c), 7))
			for i := 0; ; i++ {
				if c < small && accepted.Load() > quota/2 {
					<-counted // the rest is for both kinds
				}
				tokens := 1 + random.Int64N(largest)
				const event = `{"tenant":"%s","feature":"chat","tokens":%d,"id":"%d-%d"}`
				events := []string{fmt.Sprintf(event, "acme", tokens, c, i)}
				for n := 1; c >= small && n <= tenants; n++ {
					events = append(events, fmt.Sprintf(event, fmt.Sprint("tenant-", n), 1, c, i))
				}
				body := "[" + strings.Join(events, ",") + "]"
				answer := api.Answer{Status: http.StatusServiceUnavailable}
				for ; answer.Status == http.StatusServiceUnavailable; again.Add(1) {
					var err error
					if answer, err = servers[(c+i)%2].TryPost(t.Context(), body); err != nil {
						t.Error(err)
						return
					}
				}
				again.Add(-1)
				switch {
				case answer.Status == http.StatusOK:
					if c >= small {
						batches.Add(1)
						countedLarge()
					}
					if before := accepted.Load() / 2000; accepted.Add(tokens)/2000 > before {
						posts <- struct{}{}
					}
				case answer.Status == http.StatusPaymentRequired &&
					strings.Contains(answer.Body, `\"acme\" has used`):
					return
				default:
					t.Errorf("%d %.300s", answer.Status, answer.Body)
					return
				}
			}
		})
	}
	posting.Wait()
	close(over)
	flushing.Wait()
	t.Logf("%d tokens and %d large requests were accepted; %d times one was told to come again",
		accepted.Load(), batches.Load(), again.Load())
	if got := accepted.Load(); got > quota || got <= quota-largest {
		t.Errorf("%d tokens are accepted, the quota is %d", got, quota)
	}
	live := r.Reader()
	if err := live.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[string]int64{"acme": accepted.Load(), "tenant-1": batches.Load(),
		fmt.Sprint("tenant-", tenants): batches.Load()} {
		if u, err := live.Tenant(t.Context(), tenant); err != nil || u.Used[meter.Tokens] != want {
			t.Errorf("%s has used %d, %v; acknowledged are %d", tenant, u.Used[meter.Tokens], err, want)
		}
	}
	if batches.Load() == 0 {
		t.Error("no large request was accepted")
	}
}
