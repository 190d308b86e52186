package rollout

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// askEvery is how often the proxy asks its servers whether they are ready.
const askEvery = 50 * time.Millisecond

// proxy does what Coolify's Traefik does: it deals requests out among the servers whose health
// check has succeeded, over connections that it keeps, and sends none a second time.
type proxy struct {
	url string

	mu      sync.Mutex
	servers map[string]bool // by address: whether it is healthy
	turn    int
	order   []string
}

func newProxy(t testing.TB) *proxy {
	p := &proxy{servers: map[string]bool{}}
	reverse := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: p.next()})
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 200},
		ErrorLog:  log.New(io.Discard, "", 0),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	server := httptest.NewServer(reverse)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// next is the server whose turn it is, "" if none is healthy.
func (p *proxy) next() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.order {
		p.turn++
		if addr := p.order[p.turn%len(p.order)]; p.servers[addr] {
			return addr
		}
	}
	return ""
}

// add asks a server for its health from now on, until remove.
func (p *proxy) add(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.servers[addr] = false
	p.order = append(p.order[:len(p.order):len(p.order)], addr)
	go func() {
		for p.ask(addr) {
			time.Sleep(askEvery)
		}
	}()
}

func (p *proxy) ask(addr string) (goOn bool) {
	status, _, err := get("http://" + addr + "/readyz")
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, goOn = p.servers[addr]; goOn {
		p.servers[addr] = err == nil && status == http.StatusOK
	}
	return goOn
}

func (p *proxy) healthy(addr string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.servers[addr]
}

// remove forgets a server that is gone.
func (p *proxy) remove(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.servers, addr)
	var rest []string
	for _, a := range p.order {
		if a != addr {
			rest = append(rest, a)
		}
	}
	p.order = rest
}
