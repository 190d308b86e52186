package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLicencesNameEveryModule holds docs/LICENCES.md against what the program is made of.
func TestLicencesNameEveryModule(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f",
		"{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", root).Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	modules = slices.Compact(modules)
	text, err := os.ReadFile(root + "/docs/LICENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	// Licences that a program under MIT may contain; another one needs a decision first.
	for _, row := range regexp.MustCompile(
		"(?m)^\\| `([^`]+)` \\| (.*) \\|$").FindAllSubmatch(text, -1) {
		if name := string(row[1]); !strings.HasPrefix(name, "web/") {
			listed = append(listed, name)
		}
		for licence := range strings.SplitSeq(string(row[2]), ", ") {
			if !slices.Contains([]string{"MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause"},
				licence) {
				t.Errorf("%s: licence %q", row[1], licence)
			}
		}
	}
	slices.Sort(listed)
	if !slices.Equal(listed, modules) || len(modules) < 20 {
		t.Errorf("docs/LICENCES.md has\n%s\nthe program is made of\n%s\nrenew it: make licences",
			strings.Join(listed, "\n"), strings.Join(modules, "\n"))
	}
	vendored, err := os.ReadDir(root + "/web/static/vendor")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range vendored {
		if entry.IsDir() && !strings.Contains(string(text), "| `web/static/vendor/"+entry.Name()+"` |") {
			t.Errorf("docs/LICENCES.md has no line about web/static/vendor/%s", entry.Name())
		}
	}
}
