package grafana

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/VictoriaMetrics/metricsql"
)

// Durations that stand for Grafana's variables where a query is only read.
const (
	rateInterval = "4242s"
	wholeRange   = "4343s"
)

// substitute puts values in the place of variables, as Grafana does.
func substitute(query string, values map[string]string) string {
	for _, name := range slices.Backward(slices.Sorted(mapKeys(values))) { // $__range before $__r
		query = strings.ReplaceAll(query, "${"+name+"}", values[name])
		query = strings.ReplaceAll(query, "$"+name, values[name])
	}
	return query
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// parse reads a query of a panel or rule. It is more permissive than Prometheus, which gets
// to see each query in TestEveryQueryAnswers.
func parse(query string) (metricsql.Expr, error) {
	return metricsql.Parse(substitute(query, map[string]string{
		"__rate_interval": rateInterval, "__range": wholeRange, "job": "$job", "instance": "$instance"}))
}

// selector is one metric in a query.
type selector struct {
	name     string
	matchers []string // such as job=~"$job"
	window   string   // of a range, as in [5m]; empty for an instant
	function string   // that is applied to it; empty if none
}

// selectors lists the metrics of a query with what is done to them.
func selectors(e metricsql.Expr) (all []selector) {
	var walk func(e metricsql.Expr, function, window string)
	walk = func(e metricsql.Expr, function, window string) {
		switch e := e.(type) {
		case *metricsql.MetricExpr:
			s := selector{function: function, window: window}
			for _, filters := range e.LabelFilterss {
				for _, f := range filters {
					if f.Label == "__name__" {
						s.name = f.Value
						continue
					}
					s.matchers = append(s.matchers, string(f.AppendString(nil)))
				}
			}
			all = append(all, s)
		case *metricsql.RollupExpr:
			if e.Window != nil {
				window = string(e.Window.AppendString(nil))
			}
			walk(e.Expr, function, window)
		case *metricsql.FuncExpr:
			for _, arg := range e.Args {
				walk(arg, e.Name, "")
			}
		case *metricsql.AggrFuncExpr:
			for _, arg := range e.Args {
				walk(arg, "", "")
			}
		case *metricsql.BinaryOpExpr:
			walk(e.Left, "", "")
			walk(e.Right, "", "")
		}
	}
	walk(e, "", "")
	return all
}

// eachExpr makes a rule of a check of one query.
func eachExpr(check func(p panel, t target, e metricsql.Expr, err error) string) func(string, dashboard) []string {
	return func(_ string, d dashboard) (bad []string) {
		for _, p := range d.queries(prometheusSource) {
			for _, t := range p.Targets {
				e, err := parse(t.Expr)
				if complaint := check(p, t, e, err); complaint != "" {
					bad = append(bad, fmt.Sprintf("%q, %s: %s", p.Title, t.Expr, complaint))
				}
			}
		}
		return bad
	}
}

func lintPromQL(_ panel, _ target, _ metricsql.Expr, err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// lintMatchers wants every metric to follow the choice of job and instance. Alerts have the
// labels of their rules, not those of a target.
func lintMatchers(_ panel, _ target, e metricsql.Expr, _ error) string {
	for _, s := range selectors(e) {
		for _, want := range []string{`job=~"$job"`, `instance=~"$instance"`} {
			if s.name != "ALERTS" && !slices.Contains(s.matchers, want) {
				return s.name + " lacks " + want
			}
		}
	}
	return ""
}

// lintWindows wants the window that fits the zoom, or, for a sum over what is shown, the
// whole range, asked once.
func lintWindows(_ panel, t target, e metricsql.Expr, _ error) string {
	for _, s := range selectors(e) {
		switch {
		case s.window == "" || s.window == rateInterval:
		case s.window == wholeRange && s.function == "increase" && t.Instant:
		default:
			return s.name + " has a window that is not $__rate_interval"
		}
	}
	return ""
}

var counter = regexp.MustCompile(`_(total|bucket|sum|count)$`)

func lintCounters(_ panel, _ target, e metricsql.Expr, _ error) string {
	for _, s := range selectors(e) {
		if counter.MatchString(s.name) && s.function != "rate" && s.function != "increase" {
			return s.name + " is a counter and needs rate or increase"
		}
	}
	return ""
}
