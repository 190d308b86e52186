package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// build makes the program as the Makefile does.
func build(t testing.TB) (path string) {
	t.Helper()
	path, err := stacktest.Build(t.TempDir(), "-ldflags",
		"-X main.version=v1.2.3 -X main.commit=abcdef")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// child is a role in a process of its own.
type child struct {
	*exec.Cmd
	address string        // of its API, or of its metrics
	stderr  *bytes.Buffer // valid after Wait
	rest    chan []string // lines of the log after "started"
}

// spawn starts a role and waits until it listens.
func spawn(t testing.TB, program string, s settings, role string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(program, role), stderr: new(bytes.Buffer),
		rest: make(chan []string, 1)}
	for name, value := range s {
		c.Env = append(c.Env, name+"="+value)
	}
	c.Stderr = c.stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("%s ended: %v: %s", role, c.Wait(), c.stderr)
	}
	var started struct{ Msg, Level, Role, Version, Address string }
	if err := json.Unmarshal(lines.Bytes(), &started); err != nil || started.Msg != "started" ||
		started.Level != "INFO" ||
		started.Role != role || started.Version != "v1.2.3" {
		t.Fatalf("%s logs first: %s", role, lines.Text())
	}
	c.address = started.Address
	go func() {
		var rest []string
		for lines.Scan() {
			rest = append(rest, lines.Text())
		}
		c.rest <- rest
	}()
	return c
}

// signal sends a signal.
func (c *child) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// refusesConnections reports whether the role has stopped listening.
func (c *child) refusesConnections() bool {
	conn, err := net.Dial("tcp", c.address)
	if err == nil {
		conn.Close()
	}
	return err != nil
}

// endsWell waits for the end after SIGTERM and fails the test if that is not exit 0: a role that
// does not end by itself in time ends with an error.
func (c *child) endsWell(t *testing.T) {
	t.Helper()
	rest := waittest.Receive(t, "the end after SIGTERM", c.rest) // complete when the process has ended
	if err := c.Wait(); err != nil || c.stderr.Len() > 0 {
		t.Errorf("end: %v: %s", err, c.stderr)
	}
	if len(rest) == 0 || !strings.Contains(rest[len(rest)-1], `"msg":"stopped"`) {
		t.Errorf("does not log that it has stopped: %q", rest)
	}
	for _, line := range rest {
		if !json.Valid([]byte(line)) || !strings.Contains(line, `"level":"INFO"`) {
			t.Errorf("logs %s", line)
		}
	}
}

func TestProgramAsBuilt(t *testing.T) {
	program := build(t)
	env := stacktest.New(t)
	s := settingsOf(env)
	succeed(t, s, "seed")

	t.Run("version", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), program, "version").Output()
		if err != nil || !strings.HasPrefix(string(out), "flagmeter v1.2.3 (commit abcdef, go") {
			t.Errorf("got %s, %v", out, err)
		}
	})
	for _, role := range []string{"flusher", "alerter"} {
		t.Run(role, func(t *testing.T) {
			c := spawn(t, program, s, role)
			metric := map[string]string{"flusher": `flagmeter_flusher_runs_total{outcome="ok"}`,
				"alerter": `flagmeter_alerter_ticks_total{outcome="ok"} 1`}[role]
			waittest.Until(t, role+" has worked", func() bool {
				_, metrics := request(t, "GET", "http://"+c.address+"/metrics", "")
				return strings.Contains(metrics, metric)
			})
			if status, _ := request(t, "GET", "http://"+c.address+"/healthz", ""); status != 200 {
				t.Errorf("GET /healthz: %d", status)
			}
			c.signal(t, syscall.SIGTERM)
			c.endsWell(t)
		})
	}
	t.Run("metrics", func(t *testing.T) { checkMetrics(t, program, s) })
	t.Run("ingest answers what is in hand", func(t *testing.T) {
		c := spawn(t, program, s, "ingest")
		inHand := post(t, c, `{"tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1500}`)
		c.signal(t, syscall.SIGTERM)
		waittest.Until(t, "ingest takes no connections", c.refusesConnections)
		inHand.finish()
		if resp := <-inHand.answer; resp == nil || resp.StatusCode != 200 {
			t.Errorf("the request in hand was answered %v", resp)
		}
		c.endsWell(t)
	})
	t.Run("a second signal ends at once", func(t *testing.T) {
		c := spawn(t, program, s, "ingest")
		post(t, c, "{}") // and never finished
		c.signal(t, syscall.SIGINT)
		waittest.Until(t, "ingest takes no connections", c.refusesConnections)
		c.signal(t, syscall.SIGINT)
		<-c.rest
		err := c.Wait()
		status, ok := c.ProcessState.Sys().(syscall.WaitStatus)
		if !ok || status.Signal() != syscall.SIGINT {
			t.Errorf("end: %v", err)
		}
	})
}

// pending is a POST /events whose body the server waits for.
type pending struct {
	finish func() // sends the body
	answer chan *http.Response
}

// post begins a request and returns when the server has asked for its body.
func post(t *testing.T, c *child, event string) pending {
	t.Helper()
	waittest.Until(t, "ingest is ready", func() bool {
		status, _ := request(t, "GET", "http://"+c.address+"/readyz", "")
		return status == 200
	})
	body, send := io.Pipe()
	t.Cleanup(func() { send.Close() })
	p := pending{answer: make(chan *http.Response, 1), finish: func() {
		io.WriteString(send, event)
		send.Close()
	}}
	asked := make(chan struct{})
	trace := &httptrace.ClientTrace{Got100Continue: func() { close(asked) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "POST",
		"http://"+c.address+"/events", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Expect", "100-continue")
	go func() {
		client := http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
		resp, err := client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		p.answer <- resp
	}()
	<-asked
	return p
}

func TestIngestWaitsForItsStores(t *testing.T) {
	env := stacktest.Own(t)
	s := settingsOf(env)
	succeed(t, s, "seed")
	start := func() (d *daemon, address string) {
		d = launch(t, s, "ingest")
		var started struct{ Address string }
		if err := json.Unmarshal([]byte(d.line(`"started"`)), &started); err != nil {
			t.Fatal(err)
		}
		return d, "http://" + started.Address
	}
	ready := func(address string) bool {
		status, _ := request(t, "GET", address+"/readyz", "")
		return status == 200
	}
	accepts := func(address string) {
		t.Helper()
		status, answer := request(t, "POST", address+"/events",
			`{"tenant":"acme-corp","feature":"f","tokens":1}`)
		if status != 200 {
			t.Errorf("POST /events: %d %s", status, answer)
		}
	}

	env.Stack.Valkey.Kill()
	d, address := start()
	d.line(`"waiting for valkey"`)
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 503, "/usage/acme-corp": 503, "/tenants": 503,
	} {
		if status, answer := request(t, "GET", address+path, ""); status != want {
			t.Errorf("GET %s without Valkey: %d %s", path, status, answer)
		}
	}
	if status, answer := request(t, "POST", address+"/events",
		`{"tenant":"acme-corp","feature":"f","tokens":1}`); status != 503 {
		t.Errorf("POST /events without Valkey: %d %s", status, answer)
	}
	if err := env.Stack.Valkey.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	waittest.Until(t, "ingest is ready", func() bool { return ready(address) })
	accepts(address)
	if status, rest := d.stop(); status != 0 || strings.Contains(rest, `"waiting for valkey"`) {
		t.Errorf("exit %d, and it logs again and again that it waits: %s", status, rest)
	}

	// Now there is a copy of the tenants in Valkey.
	env.Stack.Postgres.Kill()
	d, address = start()
	waittest.Until(t, "ingest is ready without Postgres", func() bool { return ready(address) })
	accepts(address)
	if status, rest := d.stop(); status != 0 {
		t.Errorf("exit %d: %s%s", status, rest, d.stderr)
	}
	if err := env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestWarnsOfAValkeyThatForgets(t *testing.T) {
	env := stacktest.Own(t)
	ctx := t.Context()
	for name, value := range map[string]string{
		"appendfsync": "everysec", "maxmemory-policy": "allkeys-lru",
	} {
		if err := env.Valkey.ConfigSet(ctx, name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, role := range []string{"ingest", "flusher"} {
		d := launch(t, settingsOf(env), role)
		for _, want := range []string{
			`"syncs":"later","should":"appendfsync always"`,
			`"maxmemory-policy":"allkeys-lru","should":"maxmemory-policy noeviction"`,
		} {
			line := d.line("not set up to keep")
			if !strings.Contains(line, want) || !strings.Contains(line, `"level":"WARN"`) {
				t.Errorf("%s: got %s, want %s", role, line, want)
			}
		}
		if status, rest := d.stop(); status != 0 || strings.Contains(rest, "not set up to keep") {
			t.Errorf("%s: exit %d: %s", role, status, rest)
		}
	}
}

func TestSaysThatAValkeyCannotBeChecked(t *testing.T) {
	env := stacktest.Own(t)
	if err := env.Valkey.ACLSetUser(t.Context(), "flagmeter_flusher", "-waitaof").Err(); err != nil {
		t.Fatal(err)
	}
	d := launch(t, settingsOf(env), "flusher")
	line := d.line("cannot check that valkey keeps what it acknowledges")
	if !strings.Contains(line, "appendfsync always") || !strings.Contains(line, `"level":"WARN"`) {
		t.Errorf("it logs %s", line)
	}
	if status, rest := d.stop(); status != 0 || strings.Contains(rest, "cannot check") {
		t.Errorf("exit %d: %s", status, rest)
	}
}
