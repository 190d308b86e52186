package stack

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMissingServersAreNamedWithWhatToType(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("FLAGMETER_PG_BIN", t.TempDir())
	_, err := Start(t.Context(), Options{Valkey: true, Postgres: true})
	if err == nil {
		t.Fatal("Start found servers in empty directories")
	}
	for _, want := range []string{"valkey-server was not found in PATH",
		"no Postgres 15 or newer was found", "`make deps`", "install"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
}

func TestValkeyComesFromBackportsOnDebian12(t *testing.T) {
	lines := valkeyLines("ID=debian\nVERSION_CODENAME=bookworm\n")
	if !strings.Contains(lines, "bookworm-backports main") ||
		!strings.Contains(lines, "-t bookworm-backports valkey-server") {
		t.Errorf("no backports:\n%s", lines)
	}
	if lines := valkeyLines("ID=ubuntu\nVERSION_CODENAME=noble\n"); strings.Contains(lines,
		"backports") {
		t.Errorf("backports of Debian on Ubuntu:\n%s", lines)
	}
}

func TestRedisStandsInForValkey(t *testing.T) {
	for _, tc := range []struct {
		says string
		ok   bool
	}{
		{"Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", true},
		{"Redis server v=7.4.2 sha=00000000:0", true},
		{"Redis server v=6.2.14 sha=00000000:0", false},
		{"something else", false},
	} {
		dir := t.TempDir()
		fakeProgram(t, dir, "redis-server", tc.says)
		t.Setenv("PATH", dir)
		var log bytes.Buffer
		found, err := findValkey(t.Context(), slog.New(slog.NewTextHandler(&log, nil)))
		if (err == nil) != tc.ok {
			t.Errorf("%q: %v", tc.says, err)
		}
		if tc.ok && (found.path != filepath.Join(dir, "redis-server") ||
			!strings.Contains(log.String(), "level=WARN")) {
			t.Errorf("%q: found %+v, warned %q", tc.says, found, &log)
		}
	}
}

func TestPostgresVersion(t *testing.T) {
	for _, tc := range []struct {
		name string
		says string
		data int // major version that made the data
		want string
	}{
		{"oldest that works", "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", 0, ""},
		{"newest", "postgres (PostgreSQL) 18beta1", 0, ""},
		{"too old", "postgres (PostgreSQL) 14.11", 0, "is version 14"},
		{"same as the data", "postgres (PostgreSQL) 16.3", 16, ""},
		{"newer than the data", "postgres (PostgreSQL) 17.0", 16, "the data was made by Postgres 16"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			fakeProgram(t, dir, "postgres", tc.says)
			fakeProgram(t, dir, "initdb", "")
			t.Setenv("FLAGMETER_PG_BIN", dir)
			_, err := findPostgres(t.Context(), tc.data)
			if tc.want == "" && err != nil || tc.want != "" &&
				(err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("findPostgres = %v, want %q", err, tc.want)
			}
		})
	}
}

// fakeProgram makes a program that says one line, as a server does for --version.
func fakeProgram(t *testing.T, dir, name, says string) {
	t.Helper()
	script := "#!/bin/sh\necho '" + says + "'\n"
	if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}
