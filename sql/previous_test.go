package schema_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/store"
	schema "github.com/eduardosanzb/flagmeter/sql"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

var update = flag.Bool("update", false,
	"record what this version sends to Postgres: part of a release")

// previousFile is what the version before has sent to Postgres.
var previousFile = filepath.Join("testdata", "previous.json")

// recorded is a version's statements, in transactions, and how many migrations it had.
type recorded struct {
	Migrations int
	Units      [][]statement
}

// TestTheVersionBeforeWorksOnThisSchema sends what the version before has sent, recorded from its
// program, to its own schema and to this one, as its role. The answers must be the same.
func TestTheVersionBeforeWorksOnThisSchema(t *testing.T) {
	if *update {
		record(t)
	}
	text, err := os.ReadFile(previousFile)
	if err != nil {
		t.Fatal(err)
	}
	var before recorded
	if err := json.Unmarshal(text, &before); err != nil {
		t.Fatal(err)
	}
	old, _ := older(t, before.Migrations)
	new, owner := older(t, before.Migrations)
	if _, err := schema.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	want, got := replay(t, old, before.Units), replay(t, new, before.Units)
	if len(want) != len(got) {
		t.Fatalf("%d answers on its own schema, %d on this one", len(want), len(got))
	}
	for i := range want {
		if want[i].sql == "SELECT id FROM schema_migrations" {
			continue // there are more
		}
		if want[i] != got[i] || strings.HasPrefix(want[i].outcome, "pq:") {
			t.Errorf("%s\nits own schema: %s\nthis schema:    %s", want[i].sql, want[i].outcome,
				got[i].outcome)
		}
	}
	wantRows, gotRows := contents(t, old.DB), contents(t, new.DB)
	if !reflect.DeepEqual(wantRows, gotRows) {
		t.Errorf("its own schema then has %v, this one %v", wantRows, gotRows)
	}
	for table, rows := range gotRows {
		if strings.HasPrefix(rows, "0 rows") {
			t.Errorf("nothing was written to %s: the recording is of no use", table)
		}
	}
}

// outcome is what became of a statement.
type outcome struct{ sql, outcome string }

// replay sends the statements, each unit of several as a transaction.
func replay(t *testing.T, env *stacktest.Env, units [][]statement) (all []outcome) {
	t.Helper()
	for _, unit := range units {
		conn, err := env.AppDB.Connx(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(t.Context(), "BEGIN"); err != nil {
			t.Fatal(err)
		}
		end := "COMMIT"
		for _, s := range unit {
			result := send(t.Context(), conn, s)
			all = append(all, outcome{s.SQL, result})
			if strings.HasPrefix(result, "pq:") {
				end = "ROLLBACK"
				break
			}
		}
		if _, err := conn.ExecContext(t.Context(), end); err != nil {
			all = append(all, outcome{end, err.Error()})
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// send returns the number of rows that a statement was about, or its error.
func send(ctx context.Context, conn *sqlx.Conn, s statement) string {
	if s.Copy != "" {
		if err := store.CopyText(ctx, conn, s.SQL, strings.TrimSuffix(s.Copy, "\n")); err != nil {
			return err.Error()
		}
		return fmt.Sprint(strings.Count(s.Copy, "\n"), " lines")
	}
	args := make([]any, len(s.Args))
	for i, arg := range s.Args {
		if arg == nil {
			continue
		}
		args[i] = *arg
		// a bytea, which the driver would encode again
		if digits, ok := strings.CutPrefix(*arg, `\x`); ok {
			if content, err := hex.DecodeString(digits); err == nil {
				args[i] = content
			}
		}
	}
	result, err := conn.ExecContext(ctx, s.SQL, args...)
	if err != nil {
		return err.Error()
	}
	n, err := result.RowsAffected()
	return fmt.Sprint(n, " rows ", err)
}

// contents are what the tables of the pipeline add up to.
func contents(t *testing.T, db *sqlx.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for table, sum := range map[string]string{"tenants": "count(monthly_quota)",
		"events": "sum(tokens)", "rollups": "sum(total_tokens)",
		"usage_daily": "sum(total_tokens)", "flushes": "sum(tokens)", "alerts": "sum(used)",
		"api_keys": "count(revoked_at)"} {
		var rows, total int64
		if err := db.QueryRow("SELECT count(*), coalesce("+sum+", 0)::bigint FROM "+table).Scan(&rows,
			&total); err != nil {
			t.Fatal(err)
		}
		all[table] = fmt.Sprintf("%d rows, %d", rows, total)
	}
	return all
}

// record runs the program of this version through all that it does with Postgres.
func record(t *testing.T) {
	env := stacktest.New(t)
	address, err := url.Parse(env.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy, host := newRecorder(t, address.Host)
	address.Host = host
	program, err := stacktest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{"DATABASE_URL=" + address.String(), "VALKEY_URL=" + env.ValkeyURL,
		"LISTEN_ADDR=127.0.0.1:0", "METRICS_ADDR=127.0.0.1:0"}
	run := func(line string) {
		t.Helper()
		cmd := exec.Command(program, strings.Fields(line)...)
		cmd.Env = environ
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("flagmeter %s: %v: %s", line, err, out)
		}
	}
	start := func(role string) (api string) {
		t.Helper()
		cmd := exec.Command(program, role)
		cmd.Env = environ
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
		lines := bufio.NewScanner(out)
		lines.Scan()
		var started struct{ Address string }
		if err := json.Unmarshal(lines.Bytes(), &started); err != nil {
			t.Fatalf("%s says %q", role, lines.Text())
		}
		go func() {
			for lines.Scan() {
			}
		}()
		return "http://" + started.Address
	}
	ask := func(method, url, body string) {
		t.Helper()
		req, err := http.NewRequest(method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if answer, _ := io.ReadAll(res.Body); res.StatusCode >= 300 {
			t.Fatalf("%s %s: %d %s", method, url, res.StatusCode, answer)
		}
	}
	await := func(query string) {
		t.Helper()
		waittest.Until(t, query, func() (ok bool) {
			if err := env.DB.Get(&ok, query); err != nil {
				t.Fatal(err)
			}
			return ok
		})
	}

	run("seed")
	run("tenants add globex --quota 1000 --thresholds 50,100 --timezone Asia/Kathmandu " +
		"--billing-day 7")
	run("tenants set globex --quota 2000")
	run("tenants list")
	run("keys create --scope read")
	run("keys list")
	var key string
	if err := env.DB.Get(&key, "SELECT id FROM api_keys"); err != nil {
		t.Fatal(err)
	}
	run("keys revoke " + key)
	api := start("ingest")
	start("flusher")
	start("alerter")
	for ready := false; !ready; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(api + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		ready = res.StatusCode == http.StatusOK
	}
	late := time.Now().UTC().Add(-72 * time.Hour).Truncate(time.Minute)
	ask("POST", api+"/events",
		fmt.Sprintf(`[{"tenant":"acme-corp","feature":"chat","tokens":900000,"id":"one","timestamp":%q},
		{"tenant":"globex","feature":"co\\de","tokens":1500,"timestamp":%q}]`, late.Format(time.RFC3339), time.Now().UTC().Add(-3*time.Minute).Format(time.RFC3339)))
	await("SELECT count(*) = 2 FROM rollups")
	await("SELECT count(*) >= 1 FROM alerts")
	for _, path := range []string{"", "/acme-corp", "/acme-corp/series?step=day",
		"/acme-corp/series?step=hour&split=feature", "/acme-corp/events.csv"} {
		ask("GET", api+"/usage"+path, "")
	}
	for _, path := range []string{"/tenants", "/alerts"} {
		ask("GET", api+path, "")
	}
	// until then they are on their way, for an audit
	for settled := int64(1); settled > 0; time.Sleep(50 * time.Millisecond) {
		if settled, err = env.Valkey.ZCard(t.Context(), "fm:{0}:settled").Result(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := env.DB.Exec("UPDATE rollups SET total_tokens = total_tokens + 5 WHERE tenant = " +
		"'acme-corp'"); err != nil {
		t.Fatal(err)
	}
	run("audit --repair --from " + late.Add(-time.Hour).Format(time.RFC3339))
	run("audit --from " + late.Add(-time.Hour).Format(time.RFC3339))
	if err := env.Valkey.FlushDB(t.Context()).Err(); err != nil { // which is a loss of writes
		t.Fatal(err)
	}
	await("SELECT count(*) >= 1 FROM flushes WHERE kind = 'rewind'")
	write(t, recorded{Migrations: migrations(t), Units: proxy.distinct()})
}

func migrations(t *testing.T) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("migrations", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func write(t *testing.T, r recorded) {
	t.Helper()
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(previousFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(previousFile, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
