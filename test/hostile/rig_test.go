package hostile

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/api"
	"github.com/eduardosanzb/flagmeter/test/kit/roletest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

func TestMain(m *testing.M) { roletest.Main(m) }

// target is the API in a process of its own, on stores of the test's own.
type target struct {
	*testing.T
	*roletest.Process
	env *stacktest.Env
	key string // of scope admin; empty with AUTH=off
}

// start runs `flagmeter ingest` with AUTH=auth, with the tenants acme and gone (archived), and
// one event of 5 tokens counted.
func start(t *testing.T, auth string) *target {
	t.Helper()
	env := stacktest.New(t)
	if _, err := env.DB.ExecContext(t.Context(),
		`INSERT INTO tenants (name, monthly_quota, archived_at)
		VALUES ('acme', 1000000, NULL), ('a/b', NULL, NULL), ('gone', 1000, now())`); err != nil {
		t.Fatal(err)
	}
	settings := []string{"DATABASE_URL=" + env.DatabaseURL, "VALKEY_URL=" + env.ValkeyURL,
		"LISTEN_ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0",
		"LOG_LEVEL=debug", "AUTH=" + auth}
	tg := &target{T: t, env: env}
	if auth == "required" {
		tg.key = roletest.Key(t, settings, "--scope", "admin")
	}
	tg.Process = roletest.Start(t, "ingest", settings...)
	tg.await()
	tg.count(`{"tenant":"acme","feature":"chat","tokens":5,"id":"e1"}`)
	// What a process writes a little later by itself is no change that an attack has made: the
	// first look at changed tenants, which a list takes too, and the copy of the keys.
	if status, answer := tg.get("/tenants"); status != 200 {
		tg.Fatalf("GET /tenants: %d %s", status, answer)
	}
	written := []string{"fm:{0}:look"}
	if tg.key != "" {
		written = append(written, "fm:keys")
	}
	waittest.Until(tg, "Valkey has what a process writes by itself", func() bool {
		n, err := env.Valkey.Exists(t.Context(), written...).Result()
		return err == nil && int(n) == len(written)
	})
	return tg
}

// await waits until requests are answered.
func (tg *target) await() {
	tg.Helper()
	waittest.Until(tg, "the API is ready", func() bool {
		status, _ := tg.get("/readyz")
		return status == 200
	})
}

// do sends an honest request, with the key.
func (tg *target) do(method, path, body string) (status int, answer string) {
	tg.Helper()
	return api.Client{URL: "http://" + tg.Addr, Key: tg.key}.Try(tg, method, path, body)
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
	if err := tg.env.DB.SelectContext(tg.Context(), &names,
		"SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', "+
			"'p')"); err != nil {
		tg.Fatal(err)
	}
	for _, name := range names {
		var sum string
		// When a key was used is all that a request may leave behind.
		if err := tg.env.DB.GetContext(tg.Context(), &sum,
			fmt.Sprintf(`SELECT
				count(*) || ' rows, ' || md5(coalesce(string_agg(content, ' ' ORDER BY content), ''))
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
