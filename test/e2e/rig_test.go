package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/command"
	"github.com/eduardosanzb/flagmeter/test/kit/api"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// root is the directory of the module.
const root = "../.."

// settings is the environment of a command line.
type settings map[string]string

func (s settings) getenv(name string) string { return s[name] }

// run executes a command line in this process, as main does.
func (s settings) run(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	env := command.Env{Getenv: s.getenv, Build: command.NewBuild("", "")}
	return command.Execute(ctx, env, args, stdout, stderr)
}

// settingsOf lead to the stores of a test, and to free ports.
func settingsOf(env *stacktest.Env) settings {
	return settings{"DATABASE_URL": env.DatabaseURL, "VALKEY_URL": env.ValkeyURL,
		"LISTEN_ADDR": "127.0.0.1:0", "METRICS_ADDR": "127.0.0.1:0", "DRAIN_TIME": "1s"}
}

// with returns s with one variable changed.
func (s settings) with(name, value string) settings {
	changed := settings{name: value}
	for n, v := range s {
		if n != name {
			changed[n] = v
		}
	}
	return changed
}

// execute runs a command line to its end.
func execute(t testing.TB, s settings, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = s.run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

// succeed runs a command line that must succeed in silence, and returns what it printed.
func succeed(t testing.TB, s settings, args ...string) string {
	t.Helper()
	status, stdout, stderr := execute(t, s, args...)
	if status != 0 || stderr != "" {
		t.Fatalf("flagmeter %s: exit %d: %s", strings.Join(args, " "), status, stderr)
	}
	return stdout
}

// daemon is a command line that runs until it is stopped.
type daemon struct {
	t      testing.TB
	lines  chan string   // of stdout; closed at its end
	stderr *bytes.Buffer // valid after stop
	status chan int
	cancel context.CancelFunc
}

// launch starts a command line that stop ends, or else the end of the test.
func launch(t testing.TB, s settings, args ...string) *daemon {
	t.Helper()
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	// Room for more lines than a test makes: a daemon must not wait for a reader.
	d := &daemon{t: t, lines: make(chan string, 1000), stderr: new(bytes.Buffer),
		status: make(chan int, 1), cancel: cancel}
	go func() {
		defer close(d.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			d.lines <- scanner.Text()
		}
	}()
	// each has a user of its own
	if slices.Contains([]string{"ingest", "flusher", "alerter"}, args[0]) {
		s = s.with("VALKEY_URL",
			strings.Replace(s["VALKEY_URL"], "//flagmeter:", "//flagmeter_"+args[0]+":", 1))
	}
	if args[0] == "flusher" {
		s = s.with("DATABASE_URL",
			strings.Replace(s["DATABASE_URL"], "//flagmeter_ingest:", "//flagmeter_flusher:", 1))
	}
	go func() {
		status := s.run(ctx, args, in, d.stderr)
		in.Close()
		d.status <- status
		close(d.status)
	}()
	t.Cleanup(func() { d.stop() })
	return d
}

// line waits for a line of stdout that contains text.
func (d *daemon) line(text string) string {
	d.t.Helper()
	for line := range d.lines {
		if strings.Contains(line, text) {
			return line
		}
	}
	d.t.Fatalf("ended with status %d without saying %q: %s", <-d.status, text, d.stderr)
	return ""
}

// stop ends the daemon and returns its exit status and the rest of what it printed.
func (d *daemon) stop() (status int, rest string) {
	d.cancel()
	var text strings.Builder
	for line := range d.lines {
		fmt.Fprintln(&text, line)
	}
	return <-d.status, text.String()
}

// request returns the status and body of an answer; the status is 0 if there was none.
func request(t testing.TB, method, url, body string) (status int, answer string) {
	t.Helper()
	return requestAs(t, "", method, url, body)
}

// requestAs is request with an API key or a token, unless that is empty.
func requestAs(t testing.TB, key, method, url, body string) (status int, answer string) {
	t.Helper()
	return api.Client{URL: url, Key: key}.Try(t, method, "", body)
}

// emptyDatabase makes a database without a schema, beside the test's own, for its owner.
func emptyDatabase(t *testing.T, env *stacktest.Env) (databaseURL string, db *sqlx.DB) {
	t.Helper()
	var own string
	if err := env.DB.GetContext(t.Context(), &own, "SELECT current_database()"); err != nil {
		t.Fatal(err)
	}
	name := own + "_empty"
	if _, err := env.DB.ExecContext(t.Context(),
		"CREATE DATABASE "+name+" OWNER flagmeter_owner"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := env.DB.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		if err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(env.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	db, err = sqlx.Open("postgres", u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return u.String(), db
}
