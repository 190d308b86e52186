package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
	"github.com/eduardosanzb/flagmeter/internal/waittest"
)

// program builds flagmeter at the first call, into a directory that the last test removes.
var program = sync.OnceValues(func() (string, error) { return stacktest.Build(buildDir) })

var buildDir string

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "flagmeter-hostile-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(code)
}

// target is the API in a process of its own, on stores of the test's own.
type target struct {
	*testing.T
	env         *stacktest.Env
	addr, admin string // of the API and of the profiles
	key         string // of scope admin; empty with AUTH=off
	log         string // file with all that it has written
	process     *os.Process
	ended       chan error
}

// start runs `flagmeter ingest` with AUTH=auth, with the tenants acme and gone (archived), and
// one event of 5 tokens counted.
func start(t *testing.T, auth string) *target {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	env := stacktest.New(t)
	if _, err := env.DB.ExecContext(t.Context(), `INSERT INTO tenants (name, monthly_quota, archived_at) VALUES ('acme', 1000000, NULL), ('a/b', NULL, NULL), ('gone', 1000, now())`); err != nil {
		t.Fatal(err)
	}
	tg := &target{T: t, env: env, log: filepath.Join(t.TempDir(), "log"), ended: make(chan error, 1)}
	settings := []string{"DATABASE_URL=" + env.DatabaseURL, "VALKEY_URL=" + env.ValkeyURL, "LISTEN_ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0",
		"LOG_LEVEL=debug", "AUTH=" + auth}
	if auth == "required" {
		cmd := exec.CommandContext(t.Context(), path, "keys", "create", "--scope", "admin")
		cmd.Env = settings
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if tg.key = regexp.MustCompile(`fm_admin_[0-9A-Za-z]+`).FindString(string(out)); tg.key == "" {
			t.Fatalf("no key is printed: %s", out)
		}
	}
	log, err := os.Create(tg.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(path, "ingest")
	cmd.Env, cmd.Stdout, cmd.Stderr = settings, log, log
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tg.process = cmd.Process
	go func() { tg.ended <- cmd.Wait() }()
	t.Cleanup(tg.stop)
	tg.await()
	tg.count(`{"tenant":"acme","feature":"chat","tokens":5,"id":"e1"}`)
	if tg.key != "" { // a second later, which is no change that an attack has made
		waittest.Until(tg, "the copy of the API keys is in Valkey", func() bool {
			n, err := env.Valkey.Exists(t.Context(), "fm:keys").Result()
			return err == nil && n == 1
		})
	}
	return tg
}

// await waits until events are accepted, and reads the addresses from the log.
func (tg *target) await() {
	tg.Helper()
	waittest.Until(tg, "the API is ready", func() bool {
		for line := range strings.Lines(tg.logged()) {
			var entry struct{ Msg, Address string }
			if json.Unmarshal([]byte(line), &entry) != nil {
				continue
			}
			switch entry.Msg {
			case "started":
				tg.addr = entry.Address
			case "profiles are served":
				tg.admin = entry.Address
			}
		}
		if tg.addr == "" {
			return false
		}
		status, _ := tg.get("/readyz")
		return status == 200
	})
}

// stop ends the process and fails the test unless it has been running until then.
func (tg *target) stop() {
	select {
	case err := <-tg.ended:
		tg.Errorf("the process has ended: %v\n%s", err, tg.tail())
		return
	default:
	}
	_ = tg.process.Signal(syscall.SIGKILL) // it may just have ended
	<-tg.ended
}

func (tg *target) logged() string {
	content, err := os.ReadFile(tg.log)
	if err != nil {
		tg.Fatal(err)
	}
	return string(content)
}

// tail is the end of the log.
func (tg *target) tail() string {
	text := tg.logged()
	return text[max(0, len(text)-4000):]
}

// do sends an honest request, with the key.
func (tg *target) do(method, path, body string) (status int, answer string) {
	tg.Helper()
	req, err := http.NewRequestWithContext(tg.Context(), method, "http://"+tg.addr+path, strings.NewReader(body))
	if err != nil {
		tg.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if tg.key != "" {
		req.Header.Set("Authorization", "Bearer "+tg.key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tg.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (tg *target) get(path string) (status int, answer string) {
	tg.Helper()
	return tg.do("GET", path, "")
}

// count sends an event that must be counted.
func (tg *target) count(event string) {
	tg.Helper()
	if status, answer := tg.do("POST", "/events", event); status != 200 {
		tg.Fatalf("POST /events: %d %s", status, answer)
	}
}

// exchangeLimit is when a connection counts as one that stays open: long after the answer also on
// a busy machine, and before the server closes an idle one, which it does after 2 minutes.
const exchangeLimit = 90 * time.Second

// exchange sends raw bytes and the end of the connection behind them, and returns all that
// comes back.
func exchange(addr, raw string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, exchangeLimit)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return "", err
	}
	// A server that has refused a request does not read its rest: what was answered counts.
	_, _ = io.WriteString(conn, raw)
	_ = conn.(*net.TCPConn).CloseWrite()
	var all bytes.Buffer
	_, err = all.ReadFrom(conn)
	if netErr, ok := err.(net.Error); ok && netErr.Timeout() {
		return all.String(), fmt.Errorf("the connection stays open: %w", err)
	}
	return all.String(), nil
}

// state is what no hostile request may change: the usage, every key of Valkey and the rows
// of every table of Postgres.
type state struct {
	usage  string
	valkey map[string]string
	tables map[string]string
}

var tokens = regexp.MustCompile(`"totalTokens":\d+`)

func (tg *target) state() state {
	tg.Helper()
	s := state{valkey: stacktest.Dump(tg.T, tg.env.Valkey), tables: map[string]string{}}
	_, answer := tg.get("/usage/acme")
	s.usage = tokens.FindString(answer)
	var names []string
	if err := tg.env.DB.SelectContext(tg.Context(), &names, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"); err != nil {
		tg.Fatal(err)
	}
	for _, name := range names {
		var sum string
		// When a key was used is all that a request may leave behind.
		if err := tg.env.DB.GetContext(tg.Context(), &sum, fmt.Sprintf(`SELECT count(*) || ' rows, ' || md5(coalesce(string_agg(content, ' ' ORDER BY content), ''))
			FROM (SELECT (to_jsonb(t) - 'last_used_at')::text AS content FROM %q t) c`, name)); err != nil {
			tg.Fatal(err)
		}
		s.tables[name] = sum
	}
	return s
}

func (tg *target) unchanged(before state) {
	tg.Helper()
	now := tg.state()
	if now.usage != before.usage {
		tg.Errorf("usage was %s and is %s", before.usage, now.usage)
	}
	stacktest.SameDump(tg.T, now.valkey, before.valkey)
	for _, name := range slices.Sorted(maps.Keys(now.tables)) {
		if now.tables[name] != before.tables[name] {
			tg.Errorf("table %s had %s and has %s", name, before.tables[name], now.tables[name])
		}
	}
}
