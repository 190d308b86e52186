package torture

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// proxy stands between some roles and a store.
type proxy struct {
	*toxiproxy.Proxy
	fresh func() *toxiproxy.Proxy // to the same store, at the same address
}

// newProxy starts a proxy to the store at rawURL and returns it with the URL that leads
// through it.
func newProxy(t *testing.T, rawURL string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal("the URL of a store cannot be parsed") // it holds a password
	}
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy has some loggers of its own
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	scheme, listen, store := u.Scheme, address(t), u.Host
	p := &proxy{fresh: func() *toxiproxy.Proxy {
		return toxiproxy.NewProxy(server, scheme, listen, store)
	}}
	p.Proxy = p.fresh()
	if err := p.Start(); err != nil {
		t.Fatal(fmt.Errorf("start the proxy to %s: %w", scheme, err))
	}
	t.Cleanup(func() { p.Stop() }) // the one that it is then
	u.Host = p.Listen
	return p, u.String()
}

// The directions of a toxic: replies go down, requests go up.
const (
	down = "downstream"
	up   = "upstream"
)

// toxic is a way to harm connections; see the documentation of toxiproxy for kinds and
// attributes.
type toxic struct {
	kind, direction, attributes string
	share                       float32 // of the connections, 1 for all
}

func replies(kind, attributes string) toxic  { return toxic{kind, down, attributes, 1} }
func requests(kind, attributes string) toxic { return toxic{kind, up, attributes, 1} }

// silence lets nothing pass in either direction and closes nothing.
var silence = []toxic{replies("timeout", `"timeout":0`), requests("timeout", `"timeout":0`)}

// harm adds toxics, to connections that exist as well.
func (p *proxy) harm(toxics ...toxic) error {
	for _, x := range toxics {
		text := fmt.Sprintf(`{"type":%q,"stream":%q,"toxicity":%g,"attributes":{%s}}`,
			x.kind, x.direction, x.share, x.attributes)
		if _, err := p.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
			return fmt.Errorf("add toxic %s: %w", x.kind, err)
		}
	}
	return nil
}

// heal closes all connections and opens the way for new ones. Toxics cannot be taken out of
// connections that are stuck in them, so it is another proxy from here on.
func (p *proxy) heal() error {
	p.Stop()
	var err error
	for range 100 {
		p.Proxy = p.fresh()
		if err = p.Start(); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("start the proxy again: %w", err)
}

// heal heals all proxies.
func heal(proxies ...*proxy) error {
	for _, p := range proxies {
		if err := p.heal(); err != nil {
			return err
		}
	}
	return nil
}
