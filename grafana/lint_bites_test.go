package grafana

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestLintBites breaks a dashboard once for each rule.
func TestLintBites(t *testing.T) {
	breaks := []struct{ rule, file, good, bad string }{
		{"dashboard", "overview", `"uid": "flagmeter-overview"`, `"uid": "xyz"`},
		{"uneditable-dashboard", "overview", `"editable": false`, `"editable": true`},
		{"template-datasource", "usage", `"value": "postgres"`, `"value": "P44"`},
		{"template-job-instance", "overview", `"allValue": ".+"`, `"allValue": ".*"`},
		{"template-on-time-change-reload", "logs", `"refresh": 2`, `"refresh": 1`},
		{"panel-grid", "pipeline", `"x": 8,`, `"x": 7,`},
		{"panel-title-description", "logs", `"title": "All lines"`, `"title": ""`},
		{"panel-datasource", "pipeline", `"uid": "${prometheus_datasource}"},` + "\n      \"targets\"", `"uid": "prometheus"},` + "\n      \"targets\""},
		{"panel-no-targets", "overview", `"refId": "A"`, `"refId": ""`},
		{"panel-units", "overview", `"unit": "reqps"`, `"unit": "requests"`},
		{"target-legend", "pipeline", `"legendFormat": "accepted"`, `"legendFormat": ""`},
		{"target-promql", "pipeline", `"expr": "sum(`, `"expr": "sum((`},
		{"target-job-instance", "pipeline", `{job=~\"$job\", instance=~\"$instance\"}[`, `{job=~\"$job\"}[`},
		{"target-rate-interval", "overview", `$__rate_interval`, `5m`},
		{"target-counter-agg", "pipeline", `rate(flagmeter_ingest_seen_ids_total`, `delta(flagmeter_ingest_seen_ids_total`},
		{"target-logql", "logs", `[$__auto]`, `[5m]`},
		{"target-sql", "usage", `${tenant:sqlstring}`, `'$tenant'`},
	}
	for _, b := range breaks {
		content, err := os.ReadFile("dashboards/" + b.file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		broken := strings.Replace(string(content), b.good, b.bad, 1)
		if broken == string(content) {
			t.Errorf("%s: %s has no %s to break", b.rule, b.file, b.good)
			continue
		}
		var d dashboard
		if err := json.Unmarshal([]byte(broken), &d); err != nil {
			t.Fatal(err)
		}
		if len(ruleNamed(b.rule)(b.file+".json", d)) == 0 {
			t.Errorf("%s does not notice %s", b.rule, b.bad)
		}
	}
	if len(breaks) != len(rules) {
		t.Errorf("%d rules are broken here, of %d", len(breaks), len(rules))
	}
}

func ruleNamed(name string) func(string, dashboard) []string {
	for _, rule := range rules {
		if rule.name == name {
			return rule.check
		}
	}
	panic("no rule " + name)
}
