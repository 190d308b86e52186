package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commandPaths are all commands that help lists, found by asking each for its help.
func commandPaths(t *testing.T, path ...string) (all [][]string) {
	t.Helper()
	help := succeed(t, nil, append(path, "--help")...)
	_, list, several := strings.Cut(help, "\nAvailable Commands:\n")
	if !several {
		return [][]string{path}
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		if name := strings.Fields(line)[0]; name != "help" {
			all = append(all, commandPaths(t, append(path[:len(path):len(path)], name)...)...)
		}
	}
	return all
}

func TestHelpBeginsWithExamples(t *testing.T) {
	paths := commandPaths(t)
	if len(paths) < 20 {
		t.Fatalf("only %d commands: %q", len(paths), paths)
	}
	for _, path := range append(paths, nil) {
		help := succeed(t, nil, append(path, "--help")...)
		line := "\n  flagmeter " + strings.Join(path, " ")
		examples, usage := strings.Index(help, "\n\nExamples:\n"), strings.Index(help, "\n\nUsage:\n")
		if examples < 0 || usage < examples || strings.Count(help[:examples], "\n") > 0 ||
			!strings.Contains(help[examples:usage], strings.TrimRight(line, " ")) {
			t.Errorf("help of %q does not begin with an example of it:\n%s", strings.Join(path, " "), help)
		}
	}
}

func TestCompletion(t *testing.T) {
	for shell, sign := range map[string]string{
		"bash": "__start_flagmeter", "zsh": "#compdef flagmeter", "fish": "complete -c flagmeter",
		"powershell": "Register-ArgumentCompleter",
	} {
		if script := succeed(t, nil, "completion", shell); !strings.Contains(script, sign) {
			t.Errorf("%s: no %q", shell, sign)
		}
	}
	status, _, stderr := execute(t, nil, "completion", "tcsh")
	if status != 2 || !strings.Contains(stderr, `invalid argument "tcsh"`) {
		t.Errorf("exit %d: %s", status, stderr)
	}
	// What the scripts ask while somebody types.
	_, values, _ := execute(t, nil, "__complete", "healthcheck", "fl")
	if !strings.HasPrefix(values, "flusher\n") {
		t.Errorf("healthcheck fl: %q", values)
	}
}

func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	succeed(t, nil, "man", dir)
	for _, path := range commandPaths(t) {
		name := strings.Join(append([]string{"flagmeter"}, path...), "-") + ".1"
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !regexp.MustCompile(`(?m)^\.SH EXAMPLE`).Match(page) {
			t.Errorf("%s: %v, %d bytes", name, err, len(page))
		}
	}
}
