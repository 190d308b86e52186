package grafana

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	sqlMacro   = regexp.MustCompile(`\$__\w+`)
	sqlTenant  = regexp.MustCompile(`\$\{?tenant[^:]`)
	sqlNoRange = regexp.MustCompile(`FROM (alerts|tenants)\b`)
)

// sqlMacros are those of Grafana's Postgres source that [macros] knows too.
var sqlMacros = "$__timeFilter $__timeFrom $__timeTo $__timeGroupAlias $__interval"

// lintSQL wants one statement that reads a bounded part of a table, with the tenant quoted by
// Grafana: a name may contain quotes.
func lintSQL(_ string, d dashboard) (bad []string) {
	for _, p := range d.queries(postgresSource) {
		for _, t := range p.Targets {
			complain := func(format string, args ...any) {
				bad = append(bad, fmt.Sprintf("%q: ", p.Title)+fmt.Sprintf(format, args...))
			}
			for _, macro := range sqlMacro.FindAllString(t.RawSQL, -1) {
				if !strings.Contains(sqlMacros+" ", macro+" ") {
					complain("unknown %s", macro)
				}
			}
			switch {
			case !strings.HasPrefix(t.RawSQL, "SELECT ") || strings.Contains(t.RawSQL, ";") || !t.RawQuery:
				complain("it is not one SELECT")
			case sqlTenant.MatchString(t.RawSQL):
				complain("the tenant is not quoted by Grafana")
			case !strings.Contains(t.RawSQL, "$__time") && !sqlNoRange.MatchString(t.RawSQL):
				complain("it reads more than the time shown")
			case t.Format != "table" && t.Format != "time_series":
				complain("format %q", t.Format)
			}
		}
	}
	return bad
}
