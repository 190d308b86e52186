package grafana

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
)

// watched is a run that is over, to be asked about.
type watched struct {
	prometheus *server
	db         *sqlx.DB
	from, to   time.Time
}

// variables are what Grafana would put into a query, with all jobs and instances chosen.
func (w *watched) variables() map[string]string {
	return map[string]string{
		"__rate_interval": (4 * scrapeEvery).String(), "__range": w.to.Sub(w.from).Round(time.Second).String(),
		"job": ".+", "instance": ".+",
	}
}

// faults looks for the faults of the run: a query that returns something would be no use if it
// did not show them.
func (w *watched) faults(t *testing.T) {
	for _, tt := range []struct{ expr, what string }{
		{`max(flagmeter_queue_oldest_event_seconds) > 5`, "the outage of Postgres in the age of events"},
		// Of more than three seconds, however many events a second this machine manages.
		{`max(flagmeter_queue_raw_events) > 3 * sum(rate(flagmeter_ingest_events_total[4s])) or max(flagmeter_queue_sealed_batches) > 1`, "the outage in the queue"},
		{`sum(rate(flagmeter_flusher_runs_total{outcome="error"}[4s])) > 0`, "runs that failed"},
		{`sum(rate(flagmeter_http_request_seconds_count{class="4xx"}[4s])) > 0`, "what clients do wrong"},
		{`sum(rate(flagmeter_http_request_seconds_count{class="5xx"}[4s])) > 0`, "what needs Postgres and cannot be answered"},
		{`sum(rate(flagmeter_ingest_seen_ids_total[4s])) > 0`, "events sent again"},
		{`sum(flagmeter_alerter_deliveries_total{outcome="delivered"}) >= 1`, "a message taken"},
		{`sum(flagmeter_alerter_deliveries_total{outcome="retried"}) >= 1`, "a message not taken"},
		{`ALERTS{alertname="FlagMeterDeliveriesDying",alertstate="firing"}`, "an alert about messages refused"},
		{`sum(flagmeter_alerter_alerts_cleared_total{reason="re-armed"}) >= 1`, "the threshold that was armed again"},
		{`max(flagmeter_backup_last_success_timestamp_seconds) > 0 and max(flagmeter_backups) > 0`, "a backup that was made"},
		{`sum(flagmeter_live_clients) == 1`, "the dashboard that somebody looks at"},
	} {
		if _, err := w.prometheus.query(t.Context(), tt.expr, false, w.from, w.to); err != nil {
			t.Errorf("%s is not to be seen: %s: %v", tt.what, tt.expr, err)
		}
	}
	// And none that was not made.
	lines, err := w.prometheus.query(t.Context(), `ALERTS{alertstate="firing",alertname!="FlagMeterDeliveriesDying"}`, false, w.from, w.to)
	if !errors.Is(err, errNothing) {
		t.Errorf("alerts fire without a reason (%v): %v", err, lines)
	}
}

// seriesLimit is how many series a role may have: what Prometheus must keep of it.
const seriesLimit = 1500

// cost looks at what Prometheus says of its scrapes. How long they took is logged only: other
// tests run on the same machine.
func (w *watched) cost(t *testing.T) {
	samples, err := w.prometheus.query(t.Context(), "max by (job) (max_over_time(scrape_samples_scraped[2m]))", true, w.from, w.to)
	if err != nil || len(samples) != 4 {
		t.Fatalf("%d jobs, %v", len(samples), err)
	}
	seconds, err := w.prometheus.query(t.Context(), "max by (job) (quantile_over_time(0.5, scrape_duration_seconds[2m]))", true, w.from, w.to)
	if err != nil {
		t.Fatal(err)
	}
	took := map[string]float64{}
	for _, l := range seconds {
		took[l.Metric["job"]] = l.Value.number()
	}
	for _, l := range samples {
		job, n := l.Metric["job"], l.Value.number()
		if n > seriesLimit {
			t.Errorf("%s has %.0f series", job, n)
		}
		t.Logf("%s: %.0f series, half of the scrapes within %.1f ms", job, n, 1000*took[job])
	}
}

var legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)

// dashboard asks the queries of its panels and variables.
func (w *watched) dashboard(t *testing.T, d dashboard) {
	for _, p := range d.queries(prometheusSource) {
		for _, target := range p.Targets {
			lines, err := w.prometheus.query(t.Context(), substitute(target.Expr, w.variables()), target.Instant, w.from, w.to)
			if err != nil {
				t.Errorf("%q: %s: %v", p.Title, target.Expr, err)
			}
			// A legend by a label that no metric has is no error to Prometheus.
			for _, label := range legendLabel.FindAllStringSubmatch(target.LegendFormat, -1) {
				for _, l := range lines {
					if l.Metric[label[1]] == "" {
						t.Errorf("%q: %s: a line has no %s: %v", p.Title, target.Expr, label[1], l.Metric)
					}
				}
			}
		}
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" || v.Datasource.Type != prometheusSource {
			continue
		}
		arguments := strings.TrimSuffix(strings.TrimPrefix(substitute(v.text(), w.variables()), "label_values("), ")")
		comma := strings.LastIndex(arguments, ", ")
		var values []string
		err := w.prometheus.ask(t.Context(), "label/"+arguments[comma+2:]+"/values", url.Values{"match[]": {arguments[:comma]}}, &values)
		if err != nil || len(values) != 4 {
			t.Errorf("variable %s: %q, %v, want four", v.Name, values, err)
		}
	}
}

// rules asks for everything that is recorded, and for each metric that an alert compares: the
// alert itself is silent when all is well. Prometheus must have evaluated all of them.
func (w *watched) rules(t *testing.T) {
	for _, r := range ruleFiles(t) {
		if r.Record != "" {
			if _, err := w.prometheus.query(t.Context(), r.Record, false, w.from, w.to); err != nil {
				t.Errorf("%s: %v", r.Record, err)
			}
		}
		e, err := parse(r.Expr)
		if err != nil {
			t.Errorf("%s%s: %v", r.Record, r.Alert, err)
			continue
		}
		for _, s := range selectors(e) {
			expr := s.name + "{" + strings.Join(s.matchers, ",") + "}"
			if _, err := w.prometheus.query(t.Context(), expr, false, w.from, w.to); err != nil {
				t.Errorf("%s%s asks for %s: %v", r.Record, r.Alert, expr, err)
			}
		}
	}
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := w.prometheus.ask(t.Context(), "rules", nil, &data); err != nil {
		t.Fatal(err)
	}
	evaluated := 0
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			evaluated++
			if r.Health != "ok" || r.LastError != "" {
				t.Errorf("%s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if want := len(ruleFiles(t)); evaluated != want {
		t.Errorf("%d rules were evaluated, want %d", evaluated, want)
	}
}

// checkLogs looks for the keys that Alloy reads, in lines that are all JSON.
func checkLogs(t *testing.T, roles []*launched) {
	seen := map[string]bool{}
	for _, role := range roles {
		for _, text := range role.all() {
			var object map[string]any
			if err := json.Unmarshal([]byte(text), &object); err != nil {
				t.Errorf("%s logs a line that is not JSON: %s", role.name, text)
			}
			for key := range object {
				seen[key] = true
			}
		}
	}
	for _, s := range readAlloy(t).Process.Stages {
		if s.JSON == nil {
			continue
		}
		for name, path := range s.JSON.Expressions {
			if !seen[orName(path, name)] {
				t.Errorf("Alloy reads the key %s, which is in no line", orName(path, name))
			}
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d, %v", url, resp.StatusCode, err)
	}
	return string(text)
}
