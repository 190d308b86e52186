package browsertest

import (
	"fmt"
	"os"
	"strings"

	"github.com/chromedp/chromedp"
)

// Violations runs axe-core, whose script lies at path, and returns what it finds against
// WCAG 2.2 A and AA and its own best practices: one line for each rule, with the elements.
func (tab *Tab) Violations(path string) []string {
	tab.t.Helper()
	script, err := os.ReadFile(path)
	if err != nil {
		tab.t.Fatal(err)
	}
	var loaded bool
	tab.Eval("typeof axe === 'object'", &loaded)
	if !loaded {
		tab.Do(chromedp.Evaluate[chromedp.Void](string(script)))
	}
	var found []struct {
		ID, Help string
		Nodes    []struct {
			HTML           string
			FailureSummary string
		}
	}
	tab.Eval(`axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations)`, &found)
	var lines []string
	for _, v := range found {
		var where []string
		for _, n := range v.Nodes {
			where = append(where, n.HTML+" ("+strings.ReplaceAll(n.FailureSummary, "\n", " ")+")")
		}
		lines = append(lines, fmt.Sprintf("%s: %s: %s", v.ID, v.Help, strings.Join(where, "; ")))
	}
	return lines
}
