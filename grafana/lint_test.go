package grafana

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rules are what Grafana's dashboard-linter looks at, under its names, and a few of our own.
// Each returns what it has to complain about.
var rules = []struct {
	name  string
	check func(file string, d dashboard) []string
}{
	{"dashboard", lintDashboard},
	{"uneditable-dashboard", lintEditable},
	{"template-datasource", lintSources},
	{"template-job-instance", lintJobAndInstance},
	{"template-on-time-change-reload", lintReload},
	{"panel-grid", lintGrid},
	{"panel-title-description", lintTexts},
	{"panel-datasource", lintPanelSources},
	{"panel-no-targets", lintTargets},
	{"panel-units", lintUnits},
	{"target-legend", lintLegends},
	{"target-promql", eachExpr(lintPromQL)},
	{"target-job-instance", eachExpr(lintMatchers)},
	{"target-rate-interval", eachExpr(lintWindows)},
	{"target-counter-agg", eachExpr(lintCounters)},
	{"target-logql", lintLogQL},
	{"target-sql", lintSQL},
}

func TestDashboardsAreClean(t *testing.T) {
	for file, d := range dashboards(t) {
		for _, rule := range rules {
			for _, complaint := range rule.check(file, d) {
				t.Errorf("%s: %s: %s", file, rule.name, complaint)
			}
		}
	}
}

func lintDashboard(file string, d dashboard) (bad []string) {
	if want := "flagmeter-" + strings.TrimSuffix(file, ".json"); d.UID != want {
		bad = append(bad, fmt.Sprintf("uid %q, want %q", d.UID, want))
	}
	if !strings.HasPrefix(d.Title, "FlagMeter / ") || !sentence(d.Description) {
		bad = append(bad, fmt.Sprintf("title %q, description %q", d.Title, d.Description))
	}
	if !slices.Contains(d.Tags, "flagmeter") || d.SchemaVersion < 39 {
		bad = append(bad, fmt.Sprintf("tags %q, schema version %d", d.Tags, d.SchemaVersion))
	}
	return bad
}

func lintEditable(_ string, d dashboard) []string {
	if d.Editable {
		return []string{"it can be edited in the browser, where nothing is tested"}
	}
	return nil
}

// sources are the variable, its label and the uid of the provisioned source of each kind.
var sources = map[string]struct{ variable, label, uid string }{
	prometheusSource: {"prometheus_datasource", "Prometheus data source", "prometheus"},
	lokiSource:       {"loki_datasource", "Loki data source", "loki"},
	postgresSource:   {"postgres_datasource", "Postgres data source", "postgres"},
}

func lintSources(_ string, d dashboard) (bad []string) {
	for kind, s := range sources {
		v := d.variable(s.variable)
		if used := len(d.queries(kind)) > 0; used != (v.Name != "") {
			bad = append(bad, fmt.Sprintf("panels ask %s: %v, there is a variable %s: %v", kind, used, s.variable, !used))
		} else if used && (v.Type != "datasource" || v.text() != kind || v.Label != s.label || v.Current.Value != s.uid) {
			bad = append(bad, fmt.Sprintf("variable %s: %+v", s.variable, v))
		}
	}
	return bad
}

func lintJobAndInstance(_ string, d dashboard) (bad []string) {
	if len(d.queries(prometheusSource)) == 0 {
		return nil
	}
	for name, label := range map[string]string{"job": "Job", "instance": "Instance"} {
		v := d.variable(name)
		if v.Type != "query" || v.Label != label || !v.Multi || !v.IncludeAll || v.AllValue != ".+" ||
			v.Datasource.UID != "${prometheus_datasource}" || !strings.HasPrefix(v.text(), "label_values(flagmeter_build_info") {
			bad = append(bad, fmt.Sprintf("variable %s: %+v", name, v))
		}
	}
	return bad
}

func lintReload(_ string, d dashboard) (bad []string) {
	for _, v := range d.Templating.List {
		if v.Type == "query" && v.Refresh != 2 {
			bad = append(bad, "variable "+v.Name+" is not read again when the time range changes")
		}
	}
	return bad
}

func lintGrid(_ string, d dashboard) (bad []string) {
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			bad = append(bad, fmt.Sprintf("%q has the id %d of another", p.Title, p.ID))
		}
		ids[p.ID] = true
		if g := p.GridPos; g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			bad = append(bad, fmt.Sprintf("%q does not fit into 24 columns", p.Title))
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, is := taken[[2]int{x, y}]; is && other != p.Title {
					bad = append(bad, fmt.Sprintf("%q lies on %q", p.Title, other))
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	return slices.Compact(bad)
}

func lintTexts(_ string, d dashboard) (bad []string) {
	for _, p := range d.Panels {
		if p.Title == "" || p.Type != "row" && !sentence(p.Description) {
			bad = append(bad, fmt.Sprintf("panel %d: title %q, description %q", p.ID, p.Title, p.Description))
		}
	}
	return bad
}

var sentences = regexp.MustCompile(`^[A-Z0-9].*[.?]$`)

func sentence(s string) bool { return sentences.MatchString(s) }

func lintPanelSources(_ string, d dashboard) (bad []string) {
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		want := "${" + sources[p.Datasource.Type].variable + "}"
		for _, s := range append([]source{p.Datasource}, targetSources(p)...) {
			if s.UID != want || s.Type != p.Datasource.Type {
				bad = append(bad, fmt.Sprintf("%q asks %+v instead of %s", p.Title, s, want))
			}
		}
	}
	return bad
}

func targetSources(p panel) (all []source) {
	for _, t := range p.Targets {
		all = append(all, t.Datasource)
	}
	return all
}

func lintTargets(_ string, d dashboard) (bad []string) {
	for _, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			bad = append(bad, fmt.Sprintf("%q asks nothing", p.Title))
		}
		seen := map[string]bool{}
		for _, t := range p.Targets {
			if t.RefID == "" || seen[t.RefID] || (t.Expr == "") == (t.RawSQL == "") {
				bad = append(bad, fmt.Sprintf("%q, target %q: no name or no query", p.Title, t.RefID))
			}
			seen[t.RefID] = true
		}
	}
	return bad
}

// units are the ones in use, each known to Grafana (its valueFormats/categories.ts).
var units = strings.Fields("s short percent percentunit bytes Bps reqps cps cpm wps dateTimeAsIso")

func lintUnits(_ string, d dashboard) (bad []string) {
	for _, p := range d.Panels {
		if !p.is("row logs") && !slices.Contains(units, p.unit()) {
			bad = append(bad, fmt.Sprintf("%q has the unit %q", p.Title, p.unit()))
		}
	}
	return bad
}

// lintLegends wants a name for each line of a chart: Grafana's own are whole label sets.
func lintLegends(_ string, d dashboard) (bad []string) {
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			if p.is("timeseries state-timeline") && t.Expr != "" && t.LegendFormat == "" {
				bad = append(bad, fmt.Sprintf("%q, target %s has no legend", p.Title, t.RefID))
			}
		}
	}
	return bad
}
