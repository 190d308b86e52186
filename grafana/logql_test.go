package grafana

import (
	"fmt"
	"regexp"
	"strings"
)

// streamLabels are the labels that Alloy gives to lines, see alloy/config.alloy.
var streamLabels = []string{"service", "level"}

var (
	streamSelector = regexp.MustCompile(`\{([^}]*)\}`)
	streamMatcher  = regexp.MustCompile(`^(\w+)=~?"([^"]*)"$`)
	logWindow      = regexp.MustCompile(`\[([^\]]*)\]`)
)

// lintLogQL looks at what is particular to our labels. Whether a query is LogQL at all no
// library outside Loki can tell.
func lintLogQL(_ string, d dashboard) (bad []string) {
	for _, p := range d.queries(lokiSource) {
		for _, t := range p.Targets {
			complain := func(format string, args ...any) {
				bad = append(bad, fmt.Sprintf("%q, %s: ", p.Title, t.Expr)+fmt.Sprintf(format, args...))
			}
			streams := streamSelector.FindAllStringSubmatch(t.Expr, -1)
			if len(streams) != 1 {
				complain("%d stream selectors", len(streams))
				continue
			}
			for _, matcher := range strings.Split(streams[0][1], ", ") {
				m := streamMatcher.FindStringSubmatch(matcher)
				if m == nil || m[1] != streamLabels[0] && m[1] != streamLabels[1] {
					complain("%s is not about a label that lines have", matcher)
				}
			}
			for _, window := range logWindow.FindAllStringSubmatch(t.Expr, -1) {
				if window[1] != "$__auto" {
					complain("the window is not $__auto")
				}
			}
			if strings.Count(t.Expr, "(") != strings.Count(t.Expr, ")") || strings.Count(t.Expr, "`")%2 != 0 {
				complain("unbalanced")
			}
		}
	}
	return bad
}
