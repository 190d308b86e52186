package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

var update = flag.Bool("update", false, "write the table of docs/METRICS.md anew")

const (
	metricsDocument = root + "/docs/METRICS.md"
	tableBegin      = "<!-- begin of the table that the test writes -->\n"
	tableEnd        = "<!-- end of the table -->\n"
)

// scraped is what a role may cost at a scrape: series that Prometheus keeps, and bytes.
const (
	seriesLimit = 1500
	bytesLimit  = 50_000
)

// checkMetrics scrapes the roles of the program as Prometheus does: what they publish is
// linted, is as docs/METRICS.md says, and costs little.
func checkMetrics(t *testing.T, program string, s settings) {
	roles := startRoles(t, program, s)
	published := map[string]*family{}
	for role, c := range roles {
		families, size := scrape(t, "http://"+c.address+"/metrics")
		metricstest.Lint(t,
			prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil }))
		n := metricstest.Series(families)
		for _, f := range families {
			if strings.HasPrefix(f.GetName(), "flagmeter_") {
				note(published, role, f)
			}
		}
		t.Logf("%s: %d series, %d bytes", role, n, size)
		if n >= seriesLimit || size > bytesLimit {
			t.Errorf("%s: %d series, %d bytes; want fewer than %d, and %d at most",
				role, n, size, seriesLimit, bytesLimit)
		}
	}
	compareTable(t, table(published))
	for _, c := range roles {
		c.Process.Kill() // orderly ends have tests of their own
	}
}

// BenchmarkScrapeOfRoles measures a scrape of each role as built: 5 ms are promised.
//
//	go test ./test/e2e -run '^$' -bench ScrapeOfRoles
func BenchmarkScrapeOfRoles(b *testing.B) {
	s := settingsOf(stacktest.New(b))
	succeed(b, s, "seed")
	for role, c := range startRoles(b, build(b), s) {
		b.Run(role, func(b *testing.B) {
			size, series := 0, 0
			for b.Loop() {
				var families []*dto.MetricFamily
				families, size = scrape(b, "http://"+c.address+"/metrics")
				series = metricstest.Series(families)
			}
			b.ReportMetric(float64(size), "bytes/op")
			b.ReportMetric(float64(series), "series")
		})
	}
}

// startRoles starts every role and waits until each has worked.
func startRoles(t testing.TB, program string, s settings) map[string]*child {
	t.Helper()
	roles := map[string]*child{
		"ingest":  spawn(t, program, s.with("METRICS_TOP_TENANTS", "3"), "ingest"),
		"flusher": spawn(t, program, s, "flusher"),
		"alerter": spawn(t, program, s, "alerter"),
		"backup": spawn(t, program,
			s.with("BACKUP_TARGET", t.TempDir()).with("BACKUP_SCHEDULE", "@hourly"), "backup"),
	}
	api := "http://" + roles["ingest"].address
	waittest.Until(t, "ingest is ready", func() bool {
		return get(t, api+"/readyz", nil) == http.StatusOK
	})
	answered(t, 200, "", "POST", api+"/events",
		`{"id":"1","tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1500}`)
	for _, path := range []string{
		"/usage/acme-corp", "/usage/nobody", "/nowhere", "/usage", "/tenants?sort=colour", "/healthz",
	} {
		request(t, "GET", api+path, "")
	}
	// What each shows when it has worked, the slowest last.
	for role, shown := range map[string][]string{
		"flusher": {"flagmeter_queue_up 1", "flagmeter_valkey_memory_used_bytes ",
			"flagmeter_flusher_events_total 1"},
		"alerter": {`flagmeter_alerter_ticks_total{outcome="ok"} 1`,
			`flagmeter_valkey_script_seconds_count{script="changed"}`},
		"ingest": {`flagmeter_tenant_quota_ratio{tenant="acme-corp"} 0.0015`},
	} {
		waittest.Until(t, role+" has worked", func() bool {
			_, text := request(t, "GET", "http://"+roles[role].address+"/metrics", "")
			return !slices.ContainsFunc(shown,
				func(line string) bool { return !strings.Contains(text, line) })
		})
	}
	return roles
}

// scrape asks for metrics as Prometheus does, with native histograms, and says how many bytes
// the answer has.
func scrape(t testing.TB, url string) (families []*dto.MetricFamily, size int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.google.protobuf;"+
		"proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"+
		"text/plain;version=0.0.4;q=0.2")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v", url, resp.Status, err)
	}
	for decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.ResponseFormat(resp.Header)); ; {
		f := new(dto.MetricFamily)
		if err := decoder.Decode(f); err == io.EOF {
			return families, len(body)
		} else if err != nil {
			t.Fatalf("GET %s: %v", url, err)
		}
		families = append(families, f)
	}
}

// family is what the document says of a metric.
type family struct {
	kind, help string
	native     bool
	labels     map[string]bool
	roles      []string
}

func note(all map[string]*family, role string, f *dto.MetricFamily) {
	known := all[f.GetName()]
	if known == nil {
		known = &family{kind: strings.ToLower(f.GetType().String()), help: f.GetHelp(),
			labels: map[string]bool{}}
		all[f.GetName()] = known
	}
	known.roles = append(known.roles, role)
	for _, m := range f.Metric {
		known.native = known.native || len(m.GetHistogram().GetPositiveSpan()) > 0
		for _, l := range m.Label {
			known.labels[l.GetName()] = true
		}
	}
}

// table is the table of all metrics in Markdown.
func table(all map[string]*family) string {
	var b strings.Builder
	b.WriteString("| name | type | labels | roles | meaning |\n|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		if f.native {
			f.kind += ", native too"
		}
		slices.Sort(f.roles)
		roles := strings.Join(f.roles, ", ")
		switch roles {
		case "alerter, flusher, ingest":
			roles = "all but backup"
		case "alerter, backup, flusher, ingest":
			roles = "all"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, f.kind,
			strings.Join(slices.Sorted(maps.Keys(f.labels)), ", "), roles, f.help)
	}
	return b.String()
}

// compareTable holds the table against the document, or writes it there.
func compareTable(t *testing.T, want string) {
	t.Helper()
	text, err := os.ReadFile(metricsDocument)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegin)
	have, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", metricsDocument)
	}
	if have == "\n"+want+"\n" {
		return
	}
	if !*update {
		t.Errorf("%s does not say what the roles publish: go test ./test/e2e -run "+
			"TestProgramAsBuilt/metrics"+
			" -update", metricsDocument)
		for line := range strings.Lines(want) {
			if !strings.Contains(have, line) {
				t.Logf("published: %s", line)
			}
		}
		for line := range strings.Lines(have) {
			if !strings.Contains(want, line) {
				t.Logf("documented: %s", line)
			}
		}
		return
	}
	if err := os.WriteFile(metricsDocument, []byte(before+tableBegin+"\n"+want+"\n"+tableEnd+after),
		0o644); err != nil {
		t.Fatal(err)
	}
}
