package web

import (
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/web/browsertest"
)

// budget is what the page may weigh in all, gzipped, in bytes.
const budget = 60_000

// testOneRound counts what the browser itself has loaded. Run with -v, it prints the weight:
//
//	go test ./web -run TestInBrowser/one_round -v
func testOneRound(t *testing.T, b *browsertest.Browser) {
	f := newFake(t, cast()...)
	tab := openOverview(t, b, f)
	var loaded []struct {
		Name                             string
		EncodedBodySize, DecodedBodySize int
	}
	tab.Eval("['navigation', 'resource'].flatMap(type => performance.getEntriesByType(type)).map(e => e.toJSON())", &loaded)
	page := read(t, "index.html")
	weight, plain, files := 0, 0, 0
	for _, r := range loaded {
		if !strings.Contains(r.Name, "/assets/") && !strings.HasSuffix(r.Name, "/usage") {
			continue
		}
		files++
		weight += r.EncodedBodySize
		plain += r.DecodedBodySize
		// The page itself names all of them: no file has to come before another is asked for.
		if _, file, ok := strings.Cut(r.Name, "/assets/"); ok {
			if _, file, _ = strings.Cut(file, "/"); !strings.Contains(page, `"/assets/`+file+`"`) {
				t.Errorf("the page does not name %s", file)
			}
		}
	}
	if files < 20 || weight == 0 || weight > budget {
		t.Errorf("%d files of %d bytes gzipped, %d is the budget", files, weight, budget)
	}
	t.Logf("%d files, %.1f kB gzipped (%.1f kB plain)", files, float64(weight)/1000, float64(plain)/1000)
}

// testCrowd scrolls through 10,000 tenants: the page holds a few rows and is never blank.
func testCrowd(t *testing.T, b *browsertest.Browser) {
	tab := openCrowd(t, b)
	scroll := tab.Scroll()
	scroll.Check(t)
	t.Logf("10,000 tenants: %v", scroll)
}

// BenchmarkCrowd measures the page with 10,000 tenants of a fake API:
//
//	go test ./web -run '^$' -bench Crowd -benchtime 3x
func BenchmarkCrowd(b *testing.B) {
	browser := browsertest.Start(b)
	for b.Loop() {
		tab := openCrowd(b, browser)
		tab.Paint().Report(b)
		tab.Scroll().Report(b)
	}
}

// openCrowd opens the page with 10,000 tenants, which have all been in sight.
func openCrowd(t testing.TB, b *browsertest.Browser) *browsertest.Tab {
	f := newFake(t, crowd(10_000)...)
	tab := b.Open(t, f.page())
	tab.Until("rows are there", names+".length > 10")
	tab.Until("the table says how long it is", "document.querySelector('#tenants').ariaRowCount === '10001'")
	tab.Eval("scrollTo(0, document.documentElement.scrollHeight)", nil)
	tab.Until("the last is in sight", names+".at(-1) === 'tenant-09999'")
	tab.Eval("scrollTo(0, 0)", nil)
	tab.Until("the first is in sight", names+"[0] === 'tenant-00000'")
	return tab
}

// liveFor is for how long testMemory goes on. Ten minutes of live updates are measured by
//
//	go test ./web -run TestInBrowser/memory -v -timeout 15m -args -live-for 10m
//
// A point a minute, after the collection of garbage: the heap went from 1.26 to 1.40 MB (overview,
// 200 tenants) and from 1.77 to 1.98 MB (tenant view), with the last four points within 0.05 MB,
// and there were as many nodes (1401, 741) and listeners (39, 54) at the end as at the start.
var liveFor = flag.Duration("live-for", 0, "how long to send live updates, one a second; 0: 300 at once")

// testMemory sends updates that change ten rows and their order. What the page holds must not
// grow with them.
func testMemory(t *testing.T, b *browsertest.Browser) {
	const few = 300
	f := newFake(t, crowd(200)...)
	overview := b.Open(t, f.page())
	overview.Until("rows are there", names+".length > 10")
	tenant := b.Open(t, f.page()+"#/t/tenant-00007?range=1h")
	tenant.Until("the tenant is there", "document.querySelectorAll('#tenant canvas').length === 2 && document.querySelector('#features tr')")
	n := 0
	update := func() {
		n++
		f.change(func() {
			for i := range 10 {
				a := f.tenants[(n*10+i*7)%len(f.tenants)]
				a.used += int64(n)*977%40_000 + 1
				a.version++
			}
			f.tenants[7].used++
		})
	}
	settle := func(tab *browsertest.Tab) browsertest.Memory {
		tab.Until("it has drawn", "new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(true))))")
		return tab.Memory()
	}
	for range few { // everything that is made once is made
		update()
	}
	const points = 11 // the first before anything that is measured
	series := map[string][]browsertest.Memory{}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for point := range points {
		for start, sent := time.Now(), 0; point > 0; sent++ {
			if *liveFor > 0 {
				if time.Since(start) >= *liveFor/(points-1) {
					break
				}
				<-ticker.C
			} else if sent == few/(points-1) {
				break
			}
			update()
		}
		series["overview"] = append(series["overview"], settle(overview))
		series["tenant view"] = append(series["tenant view"], settle(tenant))
	}
	for view, all := range series {
		var heap, nodes, listeners []string
		for _, m := range all {
			heap = append(heap, fmt.Sprintf("%.2f", float64(m.Heap)/1e6))
			nodes, listeners = append(nodes, fmt.Sprint(m.Nodes)), append(listeners, fmt.Sprint(m.Listeners))
		}
		t.Logf("%s, %d updates: heap %s MB; nodes %s; listeners %s", view, n-few,
			strings.Join(heap, " "), strings.Join(nodes, " "), strings.Join(listeners, " "))
		first := all[0]
		for i, m := range all {
			if m.Heap > first.Heap+1_000_000 || m.Nodes > first.Nodes+500 || m.Listeners > first.Listeners+50 {
				t.Errorf("%s: at point %d it holds more: %+v, before %+v", view, i, m, first)
			}
		}
	}
}

// TestWeight is the budget where there is no browser.
func TestWeight(t *testing.T) {
	s, weight := load(), len(load().page.packed)
	for name, f := range s.assets {
		if path.Base(name) == "LICENSE" || path.Base(name) == "SHA256SUMS" {
			continue // no page asks for them
		}
		if len(f.packed) == 0 {
			t.Errorf("%s is not compressed", name)
		}
		weight += len(f.packed)
	}
	if weight > budget {
		t.Errorf("the page weighs %d bytes gzipped, %d is the budget", weight, budget)
	}
	w := ask(t, "GET", "/usage", http.Header{"Accept-Encoding": {"gzip"}})
	unpacked, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if page, err := io.ReadAll(unpacked); err != nil || string(page) != string(s.page.plain) {
		t.Errorf("the compressed page is another one: %v", err)
	}
}
