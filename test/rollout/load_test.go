package rollout

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/api"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

const (
	// rate is how many requests arrive in a second, unless the machine is too busy for it.
	rate = 1000
	// mostNew is how many of them may be unanswered on new connections: beyond that the machine
	// has other work, and more of them would only be more to wait for.
	mostNew = 200
	// leastLoad is how many must be answered during a deployment, for it to show anything: two on
	// each connection that is kept.
	leastLoad = 2 * kept
	// kept is on how many connections half of them arrive, one after the other on each: often
	// enough to be told within a drain that the connection ends.
	kept      = 25
	keptEvery = 2 * kept * time.Second / rate
	body      = `{"tenant":"acme","feature":"chat","tokens":1}`
)

// load is a constant stream of events, each one token.
type load struct {
	url          string
	drain        time.Duration
	began        time.Time
	acknowledged atomic.Int64

	mu       sync.Mutex
	took     []time.Duration
	failures []string
	silent   int   // requests that failed on a connection whose client had said nothing for drain
	during   []int // requests in each deployment
	elapsed  time.Duration
}

// startLoad sends events until stop is called, which waits for the answers. A client that is silent
// for the whole of drain may lose a request, as package httpd explains: this machine may be
// so busy that some are.
func startLoad(t testing.TB, url string, drain time.Duration) (l *load, stop func()) {
	l = &load{url: url, drain: drain, began: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range kept {
		running.Go(func() {
			transport := &http.Transport{MaxConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			said := time.Now()
			l.schedule(ctx, keptEvery, time.Duration(i)*keptEvery/kept, func() {
				said = l.post(transport, said)
			})
		})
	}
	running.Go(func() {
		transport := &http.Transport{DisableKeepAlives: true}
		unanswered := make(chan struct{}, mostNew)
		l.schedule(ctx, 2*time.Second/rate, 0, func() {
			unanswered <- struct{}{}
			running.Go(func() { l.post(transport, time.Now()); <-unanswered })
		})
	})
	stop = sync.OnceFunc(func() { cancel(); running.Wait(); l.elapsed = time.Since(l.began) })
	t.Cleanup(stop)
	return l, stop
}

// deployment counts the requests that are answered while deploy works.
func (l *load) deployment(deploy func()) {
	answered := func() int { l.mu.Lock(); defer l.mu.Unlock(); return len(l.took) }
	before := answered()
	deploy()
	l.during = append(l.during, answered()-before)
}

// schedule calls send once for every interval that has passed, so whoever is late makes up
// for it.
func (l *load) schedule(ctx context.Context, every, offset time.Duration, send func()) {
	for due := l.began.Add(offset); ; due = due.Add(every) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)):
			send()
		}
	}
}

// post sends an event, and never again. said is when its connection, if it is kept, was used last,
// as is what it returns.
func (l *load) post(transport *http.Transport, said time.Time) time.Time {
	began := time.Now()
	err := l.try(transport)
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, now.Sub(began))
	switch {
	case err == nil:
		l.acknowledged.Add(1)
	case !transport.DisableKeepAlives && now.Sub(said) > l.drain*3/4:
		l.silent++
	default:
		kind := "on a connection that was kept: "
		if transport.DisableKeepAlives {
			kind = "on a new connection: "
		}
		failure, _, _ := strings.Cut(err.Error(), `,"requestId"`)
		l.failures = append(l.failures, kind+failure)
	}
	return now
}

func (l *load) try(transport *http.Transport) error {
	// Not a type of which net/http knows how to send it again.
	req, err := http.NewRequest(http.MethodPost, l.url+"/events",
		io.MultiReader(strings.NewReader(body)))
	if err != nil {
		return err
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: transport, Timeout: waittest.Patience}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK ||
		!strings.Contains(string(answer), `"accepted":1`)) {
		err = errors.New(resp.Status + ": " + string(answer))
	}
	return err
}

// ports differ from one connection to the next.
var ports = regexp.MustCompile(`:\d{4,5}\b`)

// check fails the test for each request that failed, and if there were too few.
func (l *load) check(t testing.TB) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d requests in %.1f s, %.0f/s: %d failed; p50 %v, p99 %v, longest %v", len(l.took),
		l.elapsed.Seconds(), l.reached(), len(l.failures),
		l.quantile(0.5).Round(100*time.Microsecond), l.quantile(0.99).Round(time.Millisecond),
		l.quantile(1).Round(time.Millisecond))
	if l.silent > 0 {
		t.Logf("%d more failed, of clients that had been silent for the whole drain of %v", l.silent,
			l.drain)
	}
	if least := slices.Min(l.during); least < leastLoad {
		t.Errorf("%d requests during a deployment are too few to show anything: %d", least, l.during)
	}
	kinds := map[string]int{}
	for _, failure := range l.failures {
		kinds[ports.ReplaceAllString(failure, ":port")]++
	}
	for kind, n := range kinds {
		t.Errorf("%d requests failed %s", n, kind)
	}
}

// reached is how many requests were answered in a second.
func (l *load) reached() float64 { return float64(len(l.took)) / l.elapsed.Seconds() }

// quantile is how long a part of the requests took at most.
func (l *load) quantile(q float64) time.Duration {
	slices.Sort(l.took)
	return l.took[int(q*float64(len(l.took)-1))]
}

// get returns the answer to a request.
func get(url string) (status int, answer string, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true},
		Timeout: waittest.Patience}
	a, err := api.Client{URL: url, HTTP: &client}.Do(context.Background(), "GET", "", nil)
	return a.Status, a.Body, err
}
