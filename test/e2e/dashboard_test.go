package e2e

import (
	"encoding/csv"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/web/browsertest"
)

// TestDashboard looks at all of FlagMeter, on real stores, through a browser.
func TestDashboard(t *testing.T) {
	b := browsertest.Start(t)
	s := settingsOf(stacktest.New(t))
	d := launch(t, s, "dev", "--listen", "127.0.0.1:0")
	address := d.ready()
	cut := newCutter(t, address)
	tab := b.Open(t, cut.URL+"/usage")
	posts := 0
	// post sends an event, whose id makes it safe to send again where Valkey is slow to answer.
	post := func(event string) {
		t.Helper()
		posts++
		answered(t, 200, "", "POST", address+"/events",
			strings.Replace(event, "{", fmt.Sprintf(`{"id":"%d",`, posts), 1))
	}
	const (
		used = "document.querySelector('#rows .used .main')?.textContent"
		mode = "document.querySelector('#connection').dataset.mode"
	)
	tab.Until("acme-corp is there, unused",
		used+" === '0' && document.querySelector('#rows .name').textContent === 'acme-corp'")
	tab.Until("and live", mode+" === 'live'")
	tab.Eval("window.mark = 1", nil) // which a reload would lose

	// An event is seen without being asked for.
	const asks = "performance.getEntriesByType('resource').filter(e =>" +
		" e.name.includes('/tenants?')).length"
	var before, after int
	tab.Eval(asks, &before)
	post(`{"tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1500}`)
	tab.Until("the event is seen", used+" === '1,500'")
	if tab.Eval(asks, &after); after != before {
		t.Errorf("the page has asked %d times to see it", after-before)
	}

	// Without a socket the page polls, and takes the next socket that it can have.
	cut.refuse(true)
	tab.Until("the page polls", mode+" === 'polling'")
	post(`{"tenant":"acme-corp","feature":"gpt-4o-mini","tokens":500}`)
	tab.Until("polling shows the event", used+" === '2,000'")
	cut.refuse(false)
	tab.Until("it is live again", mode+" === 'live'")

	// The server stops and comes back, with an event that the page has not seen yet.
	if status, _ := d.stop(); status != 0 {
		t.Errorf("dev: exit %d", status)
	}
	tab.Until("the banner says that the server is away",
		"document.querySelector('#banner[data-kind=away]:not([hidden])')")
	tab.Until("with the last figures below", used+" === '2,000'")
	d = launch(t, s, "dev", "--listen", strings.TrimPrefix(address, "http://"))
	d.ready()
	post(`{"tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1}`)
	tab.Until("the page is back by itself",
		used+" === '2,001' && document.querySelector('#banner').hidden")
	tab.Until("and live", mode+" === 'live'")

	// Names that are markup, and names that are written from right to left.
	for _, name := range []string{
		`<img src=x onerror=alert(1)>`, strings.Repeat("שלוםמרחב", 16),
	} {
		succeed(t, s, "tenants", "add", name, "--quota", "10")
		tab.Until("it is shown as text", "[...document.querySelectorAll('#rows bdi')].some(e =>"+
			" e.textContent === "+strconv.Quote(name)+") && !document.querySelector('main img')")
		tab.Eval("[...document.querySelectorAll('#rows .name')].find(e => e.textContent === "+
			strconv.Quote(name)+").click()", nil)
		tab.Until("and its view too", "document.querySelector('#tenant-name-text').textContent === "+
			strconv.Quote(name)+" && document.querySelector('#tenant-body').checkVisibility()"+
			" && !document.querySelector('main img')")
		tab.Back()
		tab.Until("the back button leads to the overview",
			"document.querySelector('#overview').checkVisibility()")
	}
	tab.Until("this is the page that was opened", "window.mark === 1")

	testTenantView(t, b, cut.URL)
}

// testTenantView opens acme-corp by the address that messages link to: its 2,001 tokens are
// in the curve, in the split by feature, and in the files.
func testTenantView(t *testing.T, b *browsertest.Browser, address string) {
	dir := t.TempDir()
	tab := b.Open(t, address+"/usage?tenant=acme-corp", browsertest.DownloadTo(dir))
	tab.Until("the tenant is shown", "location.hash === '#/t/acme-corp' &&"+
		" document.querySelector('#figures dd')?.textContent === '2,001'")
	tab.Until("both charts are drawn", "document.querySelectorAll('#tenant canvas').length === 2")
	features := "[...document.querySelectorAll('#features tr')].map(r => [...r.cells].slice(0," +
		" 2).map(c => c.textContent)).join(';')"
	for _, stretch := range []string{"1h", "24h", "7d", "30d", "period", "custom"} {
		tab.Eval("document.querySelector('#ranges input[value=\""+stretch+"\"]').click()", nil)
		tab.Until(stretch+" has both features", "document.querySelector('#ranges input[value=\""+stretch+
			"\"]').checked && document.querySelector('#steps-box').ariaBusy === 'false' && "+
			features+" === 'gpt-4-turbo,1,501;gpt-4o-mini,500'")
	}
	tab.Eval("location.hash = '#/t/acme-corp?range=period'", nil)
	tab.Until("the whole period is shown",
		"document.querySelector('#series-csv').href.includes('step=day') &&"+
			" document.querySelector('#steps-total').textContent.startsWith('2,001 tokens')")
	tab.Click("#series-csv")
	tab.Click("#events-csv")
	for name, column := range map[string]string{"series": "tokens", "events": "tokens"} {
		if sum := columnSum(t, dir, name, column); sum != 2001 {
			t.Errorf("%s.csv adds up to %d, not 2001", name, sum)
		}
	}
}

// columnSum adds up a column of the downloaded file whose name contains name.
func columnSum(t *testing.T, dir, name, column string) (sum int) {
	t.Helper()
	file, err := os.Open(browsertest.Downloaded(t, dir+"/*"+name+"*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%s: %d rows, %v", file.Name(), len(rows), err)
	}
	for i, title := range rows[0] {
		for _, row := range rows[1:] {
			if n, err := strconv.Atoi(row[i]); title == column && err == nil {
				sum += n
			}
		}
	}
	return sum
}

// cutter is a proxy in front of the API that can cut sockets and refuse new ones, as some
// proxies and firewalls do.
type cutter struct {
	*httptest.Server

	mu      sync.Mutex
	refused bool
	sockets map[net.Conn]bool
}

func newCutter(t *testing.T, address string) *cutter {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{sockets: map[net.Conn]bool{}}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the origin of the page
	}}
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) {
		panic(http.ErrAbortHandler)
	}
	c.Server = httptest.NewUnstartedServer(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.mu.Lock()
			refused := c.refused && r.URL.Path == "/live"
			c.mu.Unlock()
			if refused {
				http.Error(w, "no sockets here", http.StatusBadGateway)
				return
			}
			proxy.ServeHTTP(w, r)
		}))
	c.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if state == http.StateHijacked {
			c.sockets[conn] = true
		}
	}
	c.Start()
	t.Cleanup(func() {
		c.refuse(true)
		c.CloseClientConnections()
		c.Close()
	})
	return c
}

// refuse cuts every socket and refuses new ones, or lets them pass again.
func (c *cutter) refuse(refused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = refused
	for conn := range c.sockets {
		conn.Close()
		delete(c.sockets, conn)
	}
}
