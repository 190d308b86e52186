package web

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/web/browsertest"
)

func testSearchAndSort(t *testing.T, b *browsertest.Browser) {
	f := newFake(t, cast()...)
	tab := openOverview(t, b, f)
	sorted := func(key, direction, first string) {
		t.Helper()
		tab.Until("sorted by "+key, fmt.Sprintf("document.querySelector('[data-sort=%s]').closest('th').ariaSort === %q && document.querySelectorAll('th[aria-sort]').length === 1 && %s[0] === %q",
			key, direction, names, first))
	}
	sorted("percent", "descending", "northwind-assist")
	tab.Click("[data-sort=name]")
	sorted("name", "ascending", "acme-corp")
	tab.Click("[data-sort=name]")
	sorted("name", "descending", "sakura-learning")
	tab.Click("[data-sort=used]")
	sorted("used", "descending", "brightside-health")

	tab.Type("#search", "LEGAL")
	tab.Until("only one is found", names+".join() === 'kontor-legal' && document.querySelector('#matching').textContent === '1 tenant'")
	tab.Until("the address says so", "location.hash === '#/?q=LEGAL&sort=-used'")
	tab.Type("#search", "zzz")
	tab.Until("none is found", "document.querySelector('#nothing').checkVisibility() && document.querySelector('#nothing-for').textContent === 'LEGALzzz'")
	tab.Click("#clear")
	tab.Until("all are there again", names+".length === 11")
	tab.Click("#archived")
	tab.Until("the archived one too", names+".includes('closed-gmbh')")
}

func testBack(t *testing.T, b *browsertest.Browser) {
	f := newFake(t, crowd(400)...)
	tab := b.Open(t, f.page()+"#/?q=tenant")
	tab.Until("rows are there", names+".length > 10")
	tab.Eval("scrollTo(0, 3000)", nil)
	tab.Until("it has scrolled", names+"[20] > 'tenant-00040'")
	var before, after int
	tab.Eval("scrollY", &before)
	tab.Eval("document.querySelectorAll('#rows .name')[15].click()", nil)
	tab.Until("the tenant is shown", "location.hash.startsWith('#/t/tenant-000') && document.querySelector('#features tr')")
	tab.Until("and named in the title", "document.title === decodeURIComponent(location.hash.slice(4)) + ' · FlagMeter'")
	tab.Eval("document.querySelector('#ranges input[value=\"7d\"]').click()", nil)
	tab.Until("the address says which days", "location.hash.endsWith('?range=7d')")
	tab.Until("the chart is of those days", "document.querySelectorAll('#points-box').length === 1 && document.querySelector('#steps-span').textContent.includes('per hour')")

	tab.Back()
	tab.Until("the day is back", "!location.hash.includes('range') && document.querySelector('#ranges input[value=\"24h\"]').checked")
	tab.Back()
	tab.Until("the overview is back", "document.querySelector('#overview').checkVisibility() && document.querySelector('#search').value === 'tenant'")
	tab.Eval("scrollY", &after)
	if before != after || before == 0 {
		t.Errorf("left at %d, back at %d", before, after)
	}
}

func testKeyboard(t *testing.T, b *browsertest.Browser) {
	f := newFake(t, cast()...)
	tab := openOverview(t, b, f)
	tab.Press(browsertest.Tabulator)
	tab.Until("the first stop leads past the header", "document.activeElement.id === 'skip'")
	tab.Press(browsertest.Enter)
	tab.Until("to the first row", "document.activeElement.textContent === 'northwind-assist'")
	tab.Press(browsertest.Down, browsertest.Down)
	tab.Until("arrows walk through the rows", "document.activeElement.textContent === 'acme-corp'")
	tab.Until("the focus can be seen", "getComputedStyle(document.activeElement).outlineStyle === 'solid'")
	f.use("acme-corp", 1_000_000) // which moves the row to the top, with the focus
	tab.Until("the row has moved", names+"[0] === 'acme-corp'")
	tab.Until("the focus has moved with it", "document.activeElement.textContent === 'acme-corp'")
	tab.Press(browsertest.Enter)
	tab.Until("Enter opens it", "document.querySelector('#tenant').checkVisibility() && document.activeElement.id === 'tenant-name'")
}

func testHostileNames(t *testing.T, b *browsertest.Browser) {
	hostile := []string{
		`<img src=x onerror=alert(1)>`, `"><script>alert(1)</script>`, strings.Repeat("שלוםמרחב", 16), // 128 characters
		"a/b?c#d%20&e", "100%", "'; DROP", " spaces ", "\u200bunseen", "🦄", "constructor", "__proto__",
	}
	if n := len([]rune(hostile[2])); n != 128 {
		t.Fatalf("the name written from right to left has %d characters", n)
	}
	var tenants []*account
	for i, name := range hostile {
		tenants = append(tenants, &account{name: name, quota: 1000, used: int64(900 - i), thresholds: []int{80}, zone: "UTC",
			features: []share{{`<b onclick=alert(2)>`, 0.5}, {strings.Repeat("ع", 128), 0.5}}})
	}
	f := newFake(t, tenants...)
	tab := b.Open(t, f.page())
	var shown []string
	tab.Until("all are there", names+".length === "+strconv.Itoa(len(hostile)))
	tab.Eval(names, &shown)
	for i, name := range hostile {
		if shown[i] != meter.Quote(name) {
			t.Errorf("shown as %q, want %q", shown[i], meter.Quote(name))
		}
	}
	noHarm := "!document.querySelector('main img, main script, main b') && document.documentElement.scrollWidth <= innerWidth"
	tab.Until("nothing has become markup, and all fits", noHarm)
	for i := range hostile {
		tab.Eval(fmt.Sprintf("document.querySelectorAll('#rows .name')[%d].click()", i), nil)
		tab.Until("its view is shown", fmt.Sprintf("document.querySelector('#tenant-name-text').textContent === %q && document.querySelector('#features tr') && document.querySelector('#figures dd')?.textContent === '%d'", meter.Quote(hostile[i]), 900-i))
		tab.Until("nothing has become markup there, and all fits", strings.ReplaceAll(noHarm, "main b", "main b:not(.tip b)"))
		tab.Back()
		tab.Until("back", names+".length === "+strconv.Itoa(len(hostile)))
	}
}

func testUnknownTenant(t *testing.T, b *browsertest.Browser) {
	f := newFake(t, cast()...)
	tab := b.Open(t, f.page()+"#/t/nobody")
	tab.Until("the page says so", `document.querySelector('#tenant-failed').checkVisibility() && document.querySelector('#tenant-failure').textContent === 'There is no tenant "nobody".'`)
	f.change(func() { f.tenants = append(f.tenants, &account{name: "nobody", quota: 5, used: 1, zone: "UTC"}) })
	tab.Until("it is shown once it exists", "document.querySelector('#tenant-body').checkVisibility() && document.querySelector('#tenant-failed').hidden")
}

func testCSV(t *testing.T, b *browsertest.Browser) {
	f := newFake(t, cast()...)
	dir := t.TempDir()
	tab := b.Open(t, f.page()+"#/t/acme-corp?range=7d", browsertest.DownloadTo(dir))
	tab.Until("all of the tenant is there", tenantShown)
	tab.Click("#series-csv")
	sum := 0
	for _, row := range readCSV(t, dir, "series.csv")[1:] {
		n, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	var shown string
	tab.Eval("document.querySelector('#steps-total').textContent.split(' ')[0].replaceAll(',', '')", &shown)
	if shown != strconv.Itoa(sum) || sum == 0 {
		t.Errorf("the file adds up to %d, the page says %s", sum, shown)
	}
	var curl string
	tab.Eval("document.querySelector('#curl').textContent", &curl)
	if !strings.HasPrefix(curl, "curl '"+f.URL+"/usage/acme-corp/series?") {
		t.Errorf("curl: %s", curl)
	}
	tab.Click("#copy")
	tab.Until("it is copied, or selected", "document.querySelector('#copy').textContent !== 'Copy'")
}

// readCSV waits for a download.
func readCSV(t *testing.T, dir, name string) [][]string {
	t.Helper()
	file := browsertest.Downloaded(t, filepath.Join(dir, name))
	content, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	rows, err := csv.NewReader(content).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
