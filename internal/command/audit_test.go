package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// audited runs 'flagmeter audit' on a test's stores.
func audited(t *testing.T, env *stacktest.Env, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	settings := map[string]string{"DATABASE_URL": env.DatabaseURL, "VALKEY_URL": env.ValkeyURL}
	root := Root(Audit(Env{Getenv: func(name string) string { return settings[name] }}))
	var out, errs bytes.Buffer
	status = Run(t.Context(), root, append([]string{"audit"}, args...), &out, &errs)
	return status, out.String(), errs.String()
}

// counted is a database with an event each of two tenants in each of some minutes, the
// last of them two hours ago, and its sums.
func counted(t *testing.T, minutes int) *stacktest.Env {
	t.Helper()
	env := stacktest.New(t)
	last := time.Now().UTC().Truncate(time.Minute).Add(-2 * time.Hour)
	for _, statement := range []string{
		"INSERT INTO tenants (name) VALUES ('acme'), ('globex')",
		fmt.Sprintf(`INSERT INTO events (id, tenant, feature, tokens, created_at)
			SELECT gen_random_uuid(), name, 'chat', 1500, '%s'::timestamptz - i * interval '1 minute'
			FROM tenants, generate_series(0, %d) i`, last.Format(time.RFC3339), minutes-1),
		"INSERT INTO rollups SELECT tenant, feature, date_trunc('minute', created_at), sum(tokens)," +
			" count(*) FROM events GROUP BY 1, 2, 3",
		"INSERT INTO usage_daily SELECT tenant, (minute AT TIME ZONE 'UTC')::date, feature," +
			" sum(total_tokens), sum(events) FROM rollups GROUP BY 1, 2, 3",
	} {
		if _, err := env.DB.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return env
}

func TestAuditExitStatus(t *testing.T) {
	env := counted(t, 3)
	steps := []struct {
		what   string
		sql    string
		args   string
		status int
		out    []string // in the output, in this order
		err    string
	}{
		{"clean", "", "", 0,
			[]string{"all tenants, events from ", "6 rows in the range", "0 on the way", "no drift\n"}, ""},
		{"drift", "UPDATE rollups SET total_tokens = 2500000, events = 3 WHERE tenant = 'acme'" +
			" AND minute = (SELECT max(minute) FROM rollups)", "", 1,
			[]string{"rollups differ from events:", "TENANT", "DIFFERENCE", "acme", "chat", "1  ", "1,500",
				"3  ", "2,500,000", "+2,498,500", "1 row, 2,498,500 tokens", "--repair"},
			"flagmeter: there is drift\n"},
		{"of another tenant", "", "--tenant globex", 0,
			[]string{"tenant globex, ", "3 rows in the range", "no drift"}, ""},
		{"outside of the range", "", "--to " + time.Now().Add(-3*time.Hour).UTC().Format(time.RFC3339),
			0, []string{"nothing was compared"}, ""},
		{"of a day as well", "UPDATE usage_daily SET total_tokens = 0 WHERE tenant = 'globex'", "", 1,
			[]string{"usage_daily differs from minutes:", "globex", "4,500 tokens"}, "there is drift"},
		{"repaired", "", "--repair", 0,
			[]string{"rollups differ", "usage_daily differs", "repaired 1 row of rollups and"}, ""},
		{"clean again", "", "", 0, []string{"no drift"}, ""},
		{"unknown tenant", "", "--tenant nobody", 1, nil, "no such tenant"},
		{"no range", "", "--from 2026-03-10 --to 2026-03-10", 1, nil, "before it begins"},
		{"no time", "", "--from yesterday", 2, nil,
			"must be a time like 2026-03-09T14:00:00Z or a date like 2026-03-09"},
		{"no name", "", "--tenant=", 2, nil, "must not be empty"},
	}
	for _, tt := range steps { // one after the other, on the same tables
		if tt.sql != "" {
			if _, err := env.DB.Exec(tt.sql); err != nil {
				t.Fatal(err)
			}
		}
		status, stdout, stderr := audited(t, env, strings.Fields(tt.args)...)
		if status != tt.status || !strings.Contains(stderr, tt.err) || (stderr == "") != (tt.err == "") {
			t.Errorf("%s: exit %d, stderr %q; want %d, %q", tt.what, status, stderr, tt.status, tt.err)
		}
		rest := stdout
		for _, part := range tt.out {
			_, after, found := strings.Cut(rest, part)
			if !found {
				t.Errorf("%s: no %q in its place in\n%s", tt.what, part, stdout)
				break
			}
			rest = after
		}
	}
}

func TestAuditShowsFiftyRowsAndCountsTheRest(t *testing.T) {
	env := counted(t, 60)
	if _, err := env.DB.Exec("UPDATE rollups SET total_tokens = 0 WHERE tenant = 'acme'"); err != nil {
		t.Fatal(err)
	}
	_, stdout, _ := audited(t, env)
	n := strings.Count(stdout, "-1,500")
	if n != 50 || !strings.Contains(stdout, "\nand 10 more\n60 rows, 90,000 tokens\n") {
		t.Errorf("%d rows in\n%s", n, stdout)
	}
}

func TestAuditJSON(t *testing.T) {
	env := counted(t, 1)
	if _, err := env.DB.Exec("DELETE FROM rollups WHERE tenant = 'acme'"); err != nil {
		t.Fatal(err)
	}
	status, stdout, _ := audited(t, env, "--json", "--repair")
	var got struct {
		Clean, Settled bool
		Rows           int64
		DriftTokens    struct{ Rollups, UsageDaily int64 }
		Rollups        []struct {
			Tenant, Feature         string
			Minute                  time.Time
			Events, Sum, Difference meter.Amounts
		}
		UsageDaily []any
		Repaired   struct {
			Rollups int
			Ledger  string
		}
	}
	decoder := json.NewDecoder(strings.NewReader(stdout))
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if status != 0 || got.Clean || !got.Settled || got.Rows != 2 || got.DriftTokens.Rollups != 1500 ||
		got.DriftTokens.UsageDaily != 0 ||
		got.UsageDaily == nil || len(got.Rollups) != 1 || got.Repaired.Rollups != 1 ||
		got.Repaired.Ledger == "" {
		t.Fatalf("exit %d, %s", status, stdout)
	}
	if row := got.Rollups[0]; row.Tenant != "acme" || row.Feature != "chat" ||
		time.Since(row.Minute) < 2*time.Hour ||
		row.Events != (meter.OneEvent(1500)) || row.Sum != (meter.Amounts{}) ||
		row.Difference != (meter.Amounts{-1500, -1}) {
		t.Errorf("got %+v", row)
	}
}

func TestUnresolvedDriftIsNamed(t *testing.T) {
	var out bytes.Buffer
	series := audit.Series{Tenant: "acme", Feature: "chat"}
	err := writeAudit(&out, audit.Report{Moving: 2, Explained: 1, Unreadable: 3,
		Recut: []audit.Series{{Tenant: "globex", Feature: "chat"}},
		Days:  []audit.DayDrift{{Series: series, Daily: meter.Amounts{meter.Tokens: 5}}},
		Totals: []audit.TotalDrift{{Series: series, Days: meter.Amounts{meter.Tokens: 1000},
			Unresolved: true}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"2 on the way", "1 row explained by dead_events", "warning: 3 rows",
		"note: days of globex, chat differ but agree in total",
		"acme, chat: all days differ from all minutes by +1,000 tokens, which the days above do not" +
			" explain: choose an earlier --from",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, &out)
		}
	}
}
