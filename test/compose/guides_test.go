package compose_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shown are command lines that show a password to whoever lists processes.
var shown = regexp.MustCompile(`(?m)^.*(?:\b(?:sed|awk|perl|echo >)\b.*\$\(openssl|\b(?:valkey|redis)-cli\b.* (?:-a|--pass|-u) |\b(?:psql|pg_dump|createdb|pg_restore)\b.*://[^ @]+:[^ @]+@|\bcurl\b.* -u [^ ]+:|-c ["'].*PASSWORD ').*$`)

// TestGuidesShowNoPassword looks through the guides and the scripts for passwords that are
// arguments of programs.
func TestGuidesShowNoPassword(t *testing.T) {
	bad := []string{`sed -e "s/X/$(openssl rand -hex 24)/" file`, "valkey-cli -a secret ping",
		"psql postgres://me:secret@host/db", `psql -c "ALTER ROLE a PASSWORD 'x'"`}
	for _, line := range bad {
		if !shown.MatchString(line) {
			t.Errorf("%s is let through", line)
		}
	}
	var files []string
	for _, pattern := range []string{"README.md", "docs/*.md", "scripts/compose/*",
		"docker-compose.yml", "docs/systemd/*.service"} {
		found, err := filepath.Glob(root + "/" + pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		for _, line := range shown.FindAllString(read(t, file), -1) {
			t.Errorf("%s: %s", file, strings.TrimSpace(line))
		}
	}
}
