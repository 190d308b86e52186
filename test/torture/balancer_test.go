package torture

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// balancer spreads requests over the ingests. One that takes no connection has got nothing of
// the request, so the next one gets it.
type balancer struct {
	inner *http.Transport

	mu    sync.Mutex
	addrs []string // the next one first
}

func newBalancer(addrs ...string) *balancer {
	return &balancer{addrs: addrs,
		inner: &http.Transport{MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute}}
}

// order returns the addresses, each time beginning with another.
func (b *balancer) order() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addrs = append(b.addrs[1:len(b.addrs):len(b.addrs)], b.addrs[0])
	return slices.Clone(b.addrs)
}

// remove takes an ingest out of rotation, and add puts it in again: what a balancer does that
// asks for /readyz.
func (b *balancer) remove(addr string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addrs = slices.DeleteFunc(b.addrs, func(a string) bool { return a == addr })
}

func (b *balancer) add(addr string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addrs = append(b.addrs, addr)
}

// RoundTrip is http.RoundTripper's.
func (b *balancer) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	for _, addr := range b.order() {
		out := r.Clone(r.Context())
		out.URL.Host = addr
		if out.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
		resp, err = b.inner.RoundTrip(out)
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "dial" {
			return resp, err
		}
	}
	return nil, err
}
