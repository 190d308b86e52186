package abuse

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/api"
)

// neighbour is an honest client of another tenant: it sends an event and asks for its usage,
// one after the other, on new connections and on old ones.
type neighbour struct {
	d        *deployment
	key      string
	accepted atomic.Int64 // events
	answered atomic.Int64 // questions
	refused  atomic.Int64 // answers that said to come again, which it did
	mu       sync.Mutex
	failures []string
	end      chan struct{}
	ended    sync.WaitGroup
}

// neighbour begins to send. What it was acknowledged must be what is counted when it leaves.
func (d *deployment) neighbour() *neighbour {
	d.Helper()
	n := &neighbour{d: d, key: d.key("admin", "victim"), end: make(chan struct{})}
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	kept := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	for i, client := range []*http.Client{fresh, kept} {
		n.ended.Go(func() {
			defer client.CloseIdleConnections()
			for round := 0; ; round++ {
				select {
				case <-n.end:
					return
				default:
				}
				if !n.send(client, fmt.Sprintf("n%d-%d", i, round)) || !n.ask(client) {
					return
				}
				time.Sleep(5 * time.Millisecond) // it is no attacker
			}
		})
	}
	return n
}

// send posts an event until it is acknowledged, and reports whether it was. Its id makes a
// repetition harmless.
func (n *neighbour) send(client *http.Client, id string) bool {
	event := []byte(`{"tenant":"victim","feature":"chat","tokens":1,"id":"` + id + `"}`)
	return n.insist(client, "POST", "/events", event, &n.accepted)
}

// ask asks for its usage until it gets it, and reports whether it did.
func (n *neighbour) ask(client *http.Client) bool {
	return n.insist(client, "GET", "/usage/victim", nil, &n.answered)
}

// insist sends a request until its answer is 200, as long as it is told to come again or the
// connection ends under it.
func (n *neighbour) insist(client *http.Client, method, path string, body []byte,
	count *atomic.Int64) bool {
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		status, answer := n.do(client, method, path, body)
		switch {
		case status == http.StatusOK:
			count.Add(1)
			return true
		case status != 0 && status != http.StatusServiceUnavailable &&
			status != http.StatusTooManyRequests, time.Now().After(deadline):
			n.mu.Lock()
			n.failures = append(n.failures, fmt.Sprintf("%s %s: %d %s", method, path, status, answer))
			n.mu.Unlock()
			return false
		}
		n.refused.Add(1)
	}
}

func (n *neighbour) do(client *http.Client, method, path string, body []byte) (status int,
	answer string) {
	c := api.Client{URL: "http://" + n.d.ingest.Addr, Key: n.key, HTTP: client}
	a, err := c.Do(context.Background(), method, path, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	return a.Status, a.Body
}

// served waits until the neighbour has had more answers of both kinds.
func (n *neighbour) served(more int64) {
	n.d.Helper()
	accepted, answered := n.accepted.Load()+more, n.answered.Load()+more
	n.d.await("the honest client is served", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.failures) > 0 || n.accepted.Load() >= accepted && n.answered.Load() >= answered
	})
}

// leave ends it, and fails the test if an answer was wrong or a count is.
func (n *neighbour) leave() {
	n.d.Helper()
	close(n.end)
	n.ended.Wait()
	for _, f := range n.failures {
		n.d.Errorf("the honest client: %s", f)
	}
	var usage struct{ TotalTokens int64 }
	status, answer := n.do(http.DefaultClient, "GET", "/usage/victim", nil)
	if err := json.Unmarshal([]byte(answer), &usage); status != http.StatusOK || err != nil ||
		usage.TotalTokens != n.accepted.Load() {
		n.d.Errorf("%d events of the honest client were acknowledged, GET /usage says %d %s",
			n.accepted.Load(), status, answer)
	}
	n.d.Logf("the honest client had %d events and %d questions answered; it was told to come again "+
		"%d times",
		n.accepted.Load(), n.answered.Load(), n.refused.Load())
}
