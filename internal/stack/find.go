package stack

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const (
	minRedis    = 7  // Lua functions of the ingest scripts need it
	minPostgres = 15 // oldest one the migrations are tested with
)

// binary is a server program that was found.
type binary struct {
	path  string
	major int
}

// findValkey finds valkey-server in PATH, or else a redis-server that is new enough.
func findValkey(ctx context.Context, log *slog.Logger) (binary, error) {
	if path, err := exec.LookPath("valkey-server"); err == nil {
		return binary{path: path}, nil
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return binary{}, fmt.Errorf("valkey-server was not found in PATH: "+
			"run `make deps`, or type\n%s", indent(valkeyLines(osRelease())))
	}
	major, err := majorOf(ctx, path)
	if err != nil {
		return binary{}, err
	}
	if major < minRedis {
		return binary{}, fmt.Errorf("%s is version %d, which is too old (at least %d), "+
			"and valkey-server was not found in PATH: run `make deps`, or type\n%s",
			path, major, minRedis, indent(valkeyLines(osRelease())))
	}
	log.Warn("valkey-server was not found, using redis-server", "path", path, "version", major)
	return binary{path: path, major: major}, nil
}

// findPostgres finds the Postgres server program: of version major exactly if that is not 0,
// since data made by one version can be read by that version only, else the first of at
// least minPostgres. FLAGMETER_PG_BIN, if set, is the only directory searched.
func findPostgres(ctx context.Context, major int) (binary, error) {
	var old []string
	dirs := postgresDirs()
	for _, dir := range dirs {
		path := filepath.Join(dir, "postgres")
		if !isProgram(path) || !isProgram(filepath.Join(dir, "initdb")) {
			continue
		}
		found, err := majorOf(ctx, path)
		if err != nil {
			return binary{}, err
		}
		if found == major || major == 0 && found >= minPostgres {
			return binary{path: path, major: found}, nil
		}
		old = append(old, fmt.Sprintf("%s is version %d", path, found))
	}
	if len(old) == 0 {
		old = []string{"postgres and initdb are neither in PATH nor in the usual directories"}
		if dir := os.Getenv("FLAGMETER_PG_BIN"); dir != "" {
			old = []string{"postgres and initdb are not in FLAGMETER_PG_BIN=" + dir}
		}
	}
	if major != 0 {
		return binary{}, fmt.Errorf("the data was made by Postgres %d, but %s: "+
			"install Postgres %d, or use another data directory",
			major, strings.Join(old, ", "), major)
	}
	return binary{}, fmt.Errorf("no Postgres %d or newer was found (%s): "+
		"run `make deps`, or type\n%s",
		minPostgres, strings.Join(old, ", "), indent(postgresLines()))
}

// PostgresProgram finds one of Postgres' programs, such as pg_dump: where the server's are, or
// else in PATH.
func PostgresProgram(name string) (string, error) {
	for _, dir := range postgresDirs() {
		if path := filepath.Join(dir, name); isProgram(path) {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s was not found: install the client programs of Postgres: %w", name, err)
	}
	return path, nil
}

// postgresDirs lists the directories that may hold Postgres, best first.
func postgresDirs() []string {
	if dir := os.Getenv("FLAGMETER_PG_BIN"); dir != "" {
		return []string{dir}
	}
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// A link in PATH often stands without its sister initdb.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
		"/usr/pgsql-*/bin",          // packages of postgresql.org for Fedora and its kin
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
	} {
		found, _ := filepath.Glob(pattern) // fails for a bad pattern only
		slices.SortFunc(found, func(a, b string) int { return cmp.Compare(firstNumber(b), firstNumber(a)) })
		dirs = append(dirs, found...)
	}
	return dirs
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

var number = regexp.MustCompile(`\d+`)

// firstNumber is the first number in s, or 0.
func firstNumber(s string) int {
	n, _ := strconv.Atoi(number.FindString(s))
	return n
}

// majorOf asks a server program for its major version.
func majorOf(ctx context.Context, path string) (int, error) {
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	n := firstNumber(string(out))
	if n == 0 {
		return 0, fmt.Errorf("ask %s for its version: it says %q", path, out)
	}
	return n, nil
}

// osRelease is what Linux says about its distribution, or "".
func osRelease() string {
	b, _ := os.ReadFile("/etc/os-release")
	return string(b)
}

// valkeyLines are the lines to type that install Valkey.
func valkeyLines(release string) string {
	if runtime.GOOS == "darwin" {
		return "brew install valkey"
	}
	const install = "sudo apt-get install -y --no-install-recommends "
	if strings.Contains(release, "VERSION_CODENAME=bookworm") {
		return "echo 'deb http://deb.debian.org/debian bookworm-backports main' | sudo tee /etc/apt/sources.list.d/bookworm-backports.list\n" +
			"sudo apt-get update\n" +
			install + "-t bookworm-backports valkey-server"
	}
	return install + "valkey-server"
}

// postgresLines are the lines to type that install Postgres.
func postgresLines() string {
	if runtime.GOOS == "darwin" {
		return "brew install postgresql@17"
	}
	return "sudo apt-get install -y --no-install-recommends postgresql"
}

func indent(lines string) string { return "\t" + strings.ReplaceAll(lines, "\n", "\n\t") }
