package grafana

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// rule is one of prometheus/rules.
type rule struct {
	Record, Alert, Expr string
	For                 string
	Labels, Annotations map[string]string
}

// ruleFiles reads all rules.
func ruleFiles(t *testing.T) (all []rule) {
	t.Helper()
	paths, err := filepath.Glob("prometheus/rules/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	for _, path := range paths {
		var file struct {
			Groups []struct {
				Name  string
				Rules []rule
			}
		}
		readYAML(t, path, &file)
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// readYAML decodes a file and refuses fields that into does not have.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

const runbook = "https://github.com/eduardosanzb/flagmeter/blob/main/docs/RUNBOOK.md"

// TestEveryAlertHasItsParagraph compares alerts, both ways, with docs/RUNBOOK.md.
func TestEveryAlertHasItsParagraph(t *testing.T) {
	content, err := os.ReadFile("../docs/RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	paragraphs := map[string]string{}
	for _, part := range strings.Split(string(content), "\n## ")[1:] {
		title, text, _ := strings.Cut(part, "\n")
		paragraphs[title] = text
	}
	for _, r := range ruleFiles(t) {
		if r.Alert == "" {
			continue
		}
		if len(paragraphs[r.Alert]) < 200 {
			t.Errorf("docs/RUNBOOK.md has no paragraph %s", r.Alert)
		}
		delete(paragraphs, r.Alert)
		if got, want := r.Annotations["runbook_url"], runbook+"#"+strings.ToLower(r.Alert); got != want {
			t.Errorf("%s: runbook_url is %s, want %s", r.Alert, got, want)
		}
		if r.Labels["severity"] != "page" && r.Labels["severity"] != "ticket" {
			t.Errorf("%s: severity is %q", r.Alert, r.Labels["severity"])
		}
		for _, name := range []string{"summary", "description"} {
			if !strings.HasSuffix(r.Annotations[name], ".") {
				t.Errorf("%s: %s is %q", r.Alert, name, r.Annotations[name])
			}
		}
		if _, err := time.ParseDuration(r.For); r.For != "" && err != nil {
			t.Errorf("%s: %v", r.Alert, err)
		}
	}
	for title := range paragraphs {
		if strings.HasPrefix(title, "FlagMeter") {
			t.Errorf("docs/RUNBOOK.md speaks of %s, which is no alert", title)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(#(\w+)\)`).FindAllStringSubmatch(string(content), -1) {
		if !strings.Contains(strings.ToLower(string(content)), "\n## "+link[1]+"\n") {
			t.Errorf("docs/RUNBOOK.md links to #%s, which is nowhere", link[1])
		}
	}
}

// recorded is the form level:metric:operations.
var recorded = regexp.MustCompile(`^[a-z_]+:[a-z0-9_]+:[a-z0-9_]+$`)

func TestRecordedNames(t *testing.T) {
	names := map[string]bool{}
	for _, r := range ruleFiles(t) {
		switch {
		case r.Record == "":
		case !recorded.MatchString(r.Record):
			t.Errorf("%s is not level:metric:operations", r.Record)
		case names[r.Record]:
			t.Errorf("%s is recorded twice", r.Record)
		}
		names[r.Record] = true
	}
	for _, r := range ruleFiles(t) {
		e, err := parse(r.Expr)
		if err != nil {
			t.Errorf("%s%s: %v", r.Record, r.Alert, err)
			continue
		}
		for _, s := range selectors(e) {
			if strings.Contains(s.name, ":") && !names[s.name] {
				t.Errorf("%s%s asks for %s, which nobody records", r.Record, r.Alert, s.name)
			}
		}
	}
}

// TestEveryAlertIsTested wants, for each, a case in which it fires and one in which it must not.
func TestEveryAlertIsTested(t *testing.T) {
	var file struct {
		Tests []struct {
			Alerts []struct {
				Name     string `yaml:"alertname"`
				Expected []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	content, err := os.ReadFile("prometheus/tests/alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, a := range test.Alerts {
			fires[a.Name] = fires[a.Name] || len(a.Expected) > 0
			silent[a.Name] = silent[a.Name] || len(a.Expected) == 0
		}
	}
	for _, r := range ruleFiles(t) {
		if r.Alert != "" && !(fires[r.Alert] && silent[r.Alert]) {
			t.Errorf("%s: tested when it fires: %v, when it must not: %v", r.Alert, fires[r.Alert], silent[r.Alert])
		}
	}
}

func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool := program(t, "promtool")
	rules, err := filepath.Glob("prometheus/rules/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, rules...),
		{"check", "config", "prometheus/prometheus.yml"},
		{"test", "rules", "prometheus/tests/alerts_test.yml"},
	} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// program finds prometheus or promtool: beside the one that FLAGMETER_PROMETHEUS names, or in
// PATH.
func program(t *testing.T, name string) string {
	t.Helper()
	path := name
	if own := os.Getenv("FLAGMETER_PROMETHEUS"); own != "" {
		path = filepath.Join(filepath.Dir(own), name)
	}
	found, err := exec.LookPath(path)
	if err != nil {
		missing := fmt.Sprintf("no %s found (make deps installs it; FLAGMETER_PROMETHEUS names another prometheus)", name)
		if os.Getenv("CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	return found
}
