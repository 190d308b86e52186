package stack

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstallIsSilentWhenAllIsThere(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "install.sh", "run").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("install.sh run: %v\n%s", err, out)
	}
}

func TestInstallSaysWhatToType(t *testing.T) {
	for _, tc := range []struct {
		name     string
		programs []string // with "go", all that PATH has
		want     []string
	}{
		{"no go", nil, []string{"Go"}},
		{"brew system without brew", []string{"go", "uname=Darwin"},
			[]string{"valkey", "brew install valkey postgresql@17"}},
		{"old redis", []string{"go", "uname=Linux", "redis-server=Redis server v=6.2.1"},
			[]string{"does not find: valkey"}},
		{"fedora", []string{"go", "uname=Linux", "dnf"},
			[]string{"dnf install valkey postgresql-server"}},
		{"docker", []string{"go", "uname=Linux", "docker"}, []string{"compose.dev.yml"}},
		{"something else", []string{"go", "uname=Linux"},
			[]string{"https://valkey.io/download", "postgres and initdb"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := t.TempDir()
			for _, program := range tc.programs {
				name, says, _ := strings.Cut(program, "=")
				fakeProgram(t, path, name, says)
			}
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "install.sh", "run")
			cmd.Env = []string{"PATH=" + path, "FLAGMETER_PG_BIN=" + filepath.Join(path, "none")}
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("exit status 0")
			}
			for _, want := range tc.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("output lacks %q:\n%s", want, out)
				}
			}
			if strings.Contains(string(out), "install.sh:") {
				t.Errorf("the script itself fails:\n%s", out)
			}
		})
	}
}

func TestInstallTakesARedisThatIsNewEnough(t *testing.T) {
	path := t.TempDir()
	for _, p := range [][2]string{
		{"go", ""}, {"uname", "Linux"}, {"redis-server", "Redis server v=7.0.15"},
		{"postgres", "postgres (PostgreSQL) 16.3"}, {"initdb", ""},
	} {
		fakeProgram(t, path, p[0], p[1])
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "install.sh", "run")
	cmd.Env = []string{"PATH=" + path}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("install.sh run: %v\n%s", err, out)
	}
}

func TestInstallGoesOnWithoutWhatTestsCanSkip(t *testing.T) {
	path := t.TempDir()
	for _, p := range [][2]string{
		{"go", ""}, {"uname", "Linux"}, {"cc", ""}, {"valkey-server", ""},
		{"postgres", "postgres (PostgreSQL) 16.3"}, {"initdb", ""}, {"prometheus", ""},
	} {
		fakeProgram(t, path, p[0], p[1])
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "install.sh", "test")
	cmd.Env = []string{"PATH=" + path, "CC=cc", "FLAGMETER_HAPROXY=none"}
	out, err := cmd.CombinedOutput()
	skipped := strings.Count(string(out), " skipped.")
	if err != nil || skipped != 3 || !strings.Contains(string(out), "promtool") {
		t.Errorf("install.sh test: %v\n%s", err, out)
	}
}
