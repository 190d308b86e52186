package rollout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// rate is how many requests arrive in a second.
	rate = 1000
	// kept is on how many connections half of them arrive, one after the other on each: often
	// enough to be told within a drain that the connection ends.
	kept      = 25
	keptEvery = 2 * kept * time.Second / rate
	body      = `{"tenant":"acme","feature":"chat","tokens":1}`
)

// load is a constant stream of events, each one token.
type load struct {
	url          string
	began        time.Time
	acknowledged atomic.Int64

	mu       sync.Mutex
	took     []time.Duration
	failures []string
}

// startLoad sends events until stop is called, which waits for the answers.
func startLoad(t *testing.T, url string) (l *load, stop func()) {
	l = &load{url: url, began: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range kept {
		running.Go(func() {
			transport := &http.Transport{MaxConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			l.schedule(ctx, keptEvery, time.Duration(i)*keptEvery/kept, func() { l.post(transport) })
		})
	}
	running.Go(func() {
		transport := &http.Transport{DisableKeepAlives: true}
		l.schedule(ctx, 2*time.Second/rate, 0, func() { running.Go(func() { l.post(transport) }) })
	})
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return l, stop
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

// post sends an event, and never again.
func (l *load) post(transport *http.Transport) {
	began := time.Now()
	err := l.try(transport)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, time.Since(began))
	if err != nil {
		kind := "on a connection that was kept: "
		if transport.DisableKeepAlives {
			kind = "on a new connection: "
		}
		failure, _, _ := strings.Cut(err.Error(), `,"requestId"`)
		l.failures = append(l.failures, kind+failure)
		return
	}
	l.acknowledged.Add(1)
}

func (l *load) try(transport *http.Transport) error {
	// Not a type of which net/http knows how to send it again.
	req, err := http.NewRequest(http.MethodPost, l.url+"/events", io.MultiReader(strings.NewReader(body)))
	if err != nil {
		return err
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: transport, Timeout: 20 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || !strings.Contains(string(answer), `"accepted":1`)) {
		err = errors.New(resp.Status + ": " + string(answer))
	}
	return err
}

// ports differ from one connection to the next.
var ports = regexp.MustCompile(`:\d{4,5}\b`)

// check fails the test for each request that failed, and if there were too few.
func (l *load) check(t *testing.T) {
	t.Helper()
	elapsed := time.Since(l.began)
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.took)
	reached := float64(len(l.took)) / elapsed.Seconds()
	t.Logf("%d requests in %.1f s, %.0f/s: %d failed; p50 %v, p99 %v, longest %v", len(l.took), elapsed.Seconds(), reached, len(l.failures),
		l.took[len(l.took)/2].Round(100*time.Microsecond), l.took[len(l.took)*99/100].Round(time.Millisecond), l.took[len(l.took)-1].Round(time.Millisecond))
	if reached < 0.9*rate {
		t.Errorf("%.0f requests a second are too few to show anything", reached)
	}
	kinds := map[string]int{}
	for _, failure := range l.failures {
		kinds[ports.ReplaceAllString(failure, ":port")]++
	}
	for kind, n := range kinds {
		t.Errorf("%d requests failed %s", n, kind)
	}
}

// get returns the answer to a request.
func get(url string) (status int, answer string, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return 0, "", fmt.Errorf("ask: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}
