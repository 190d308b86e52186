package audit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// history posts events of today and yesterday for two tenants and settles them.
func history(r *rig) {
	r.Helper()
	var events []event
	for _, tenant := range []string{"acme", "globex"} {
		for i := range 10 {
			for _, day := range []time.Duration{0, 24 * time.Hour} {
				at := noon.Add(-day - time.Hour - time.Duration(i)*time.Minute)
				events = append(events, event{tenant, "chat", 100, at}, event{tenant, `co\de`, 10, at})
			}
		}
	}
	r.post(events...)
	r.settle()
}

// wantSums expects both tables of sums to be what a plain query makes of the events.
func (r *rig) wantSums() {
	r.Helper()
	for table, query := range map[string]string{
		"rollups": `SELECT count(*)
			FROM (SELECT tenant, feature, date_trunc('minute', created_at) AS minute,
			sum(tokens) AS total_tokens, count(*) AS events
			FROM events GROUP BY 1, 2, 3) e
			FULL JOIN rollups r USING (tenant, feature, minute, total_tokens, events)
			WHERE r.tenant IS NULL OR e.tenant IS NULL`,
		"usage_daily": `SELECT count(*)
			FROM (SELECT tenant, feature, (created_at AT TIME ZONE 'UTC')::date AS day,
			sum(tokens) AS total_tokens, count(*) AS events
			FROM events GROUP BY 1, 2, 3) e
			FULL JOIN usage_daily d USING (tenant, feature, day, total_tokens, events)
			WHERE d.tenant IS NULL OR e.tenant IS NULL`,
	} {
		if n := r.Count(query); n != 0 {
			r.Errorf("%d rows of %s and sums of events differ", n, table)
		}
	}
}

func TestEachCorruptionIsFoundAndRepairedOnce(t *testing.T) {
	tests := []struct {
		name    string
		corrupt string
		want    []string
	}{
		{"none", "SELECT 1", nil},
		{"too many tokens", "UPDATE rollups SET total_tokens = total_tokens + 7 WHERE tenant = 'acme' " +
			"AND feature = 'chat' AND minute = '2026-03-10 11:00Z'",
			[]string{"rollups acme/chat 10T11:00 +7/+0"}},
		{"too few events", "UPDATE rollups SET events = 0 WHERE tenant = 'acme' AND feature = " +
			"E'co\\\\de' AND minute = '2026-03-09 10:55Z'",
			[]string{`rollups acme/co\de 09T10:55 +0/-1`}},
		{"minute deleted", "DELETE FROM rollups WHERE tenant = 'acme' AND feature = 'chat' AND minute " +
			"= '2026-03-10 10:51Z'",
			[]string{"rollups acme/chat 10T10:51 -100/-1"}},
		{"bogus minute", "INSERT INTO rollups VALUES ('globex', 'ghost', '2026-03-10 03:00Z', 500, 5)",
			[]string{"rollups globex/ghost 10T03:00 +500/+5"}},
		{"minute that is none",
			"INSERT INTO rollups VALUES ('globex', 'chat', '2026-03-10 11:00:30.5Z', 500, 5)",
			[]string{"rollups globex/chat 10T11:00 +500/+5"}},
		{"all rollups lost",
			"DELETE FROM rollups WHERE feature = 'chat' AND tenant = 'acme' AND minute < '2026-03-10' AND " +
				"minute >= '2026-03-09 10:59Z'",
			[]string{"rollups acme/chat 09T10:59 -100/-1", "rollups acme/chat 09T11:00 -100/-1"}},
		{"day too small", "UPDATE usage_daily SET total_tokens = 1 WHERE tenant = 'acme' AND feature = " +
			"'chat' AND day = '2026-03-09'",
			[]string{"daily acme/chat 2026-03-09 -999/+0"}},
		{"day deleted", "DELETE FROM usage_daily WHERE tenant = 'globex' AND feature = 'chat' AND day " +
			"= '2026-03-10'",
			[]string{"daily globex/chat 2026-03-10 -1000/-10"}},
		{"bogus day", "INSERT INTO usage_daily VALUES ('globex', '2026-03-10', 'ghost', 3, 1)",
			[]string{"daily globex/ghost 2026-03-10 +3/+1"}},
		{"event lost", "DELETE FROM events WHERE tenant = 'acme' AND feature = 'chat' AND created_at = " +
			"'2026-03-10 11:00Z'",
			[]string{"rollups acme/chat 10T11:00 +100/+1", "daily acme/chat 2026-03-10 +100/+1"}},
		{"event doubled", "INSERT INTO events (id, tenant, feature, tokens, created_at) SELECT " +
			"gen_random_uuid(), tenant, feature, tokens, created_at FROM events WHERE tenant = 'acme' AND " +
			"feature = 'chat' AND created_at = '2026-03-10 10:59Z'",
			[]string{"rollups acme/chat 10T10:59 -100/-1", "daily acme/chat 2026-03-10 -100/-1"}},
		{"minute and day, each its own way",
			`WITH a AS (UPDATE rollups SET total_tokens = 1 WHERE tenant = 'acme' AND feature = 'chat'
				AND minute = '2026-03-10 10:58Z')
			UPDATE usage_daily SET total_tokens = total_tokens + 4000 WHERE tenant = 'acme'
			AND feature = 'chat' AND day = '2026-03-10'`,
			[]string{"rollups acme/chat 10T10:58 -99/+0", "daily acme/chat 2026-03-10 +4000/+0"}},
	}
	r := newRig(t, 0, "acme", "globex")
	history(r)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r.TB = t
			r.Exec(tt.corrupt)
			report := r.audit(r.lately())
			r.wantDrift(report, tt.want...)
			if report.Clean() != (len(tt.want) == 0) || report.Moving != 0 {
				t.Errorf("clean %v, %d rows on the way", report.Clean(), report.Moving)
			}
			repaired := r.repair()
			r.wantDrift(repaired, tt.want...)
			if !repaired.Resolved() || (repaired.Repaired.Ledger != "") != (len(tt.want) > 0) {
				t.Errorf("settled %v, repaired %+v", repaired.Resolved(), repaired.Repaired)
			}
			r.wantDrift(r.audit(r.lately()))
			r.wantSums()
		})
	}
}

func TestTheRangeIsHalfOpenInWholeMinutes(t *testing.T) {
	r := newRig(t, 0, "acme", "globex")
	history(r)
	r.Exec("UPDATE rollups SET total_tokens = total_tokens + 7 WHERE feature = 'chat' AND minute IN " +
		"('2026-03-10 10:55Z', '2026-03-10 10:56Z', '2026-03-10 10:57Z')")
	at := func(minute, second int) time.Time {
		return time.Date(2026, 3, 10, 10, minute, second, 0, time.UTC)
	}
	r.wantDrift(r.audit(audit.Query{From: at(56, 0), To: at(57, 0), Tenant: "acme"}),
		"rollups acme/chat 10T10:56 +7/+0")
	r.wantDrift(r.audit(audit.Query{From: at(55, 59), To: at(56, 1)}),
		"rollups acme/chat 10T10:55 +7/+0", "rollups acme/chat 10T10:56 +7/+0",
		"rollups globex/chat 10T10:55 +7/+0", "rollups globex/chat 10T10:56 +7/+0")
	if report := r.audit(audit.Query{From: at(51, 0), To: at(53, 0)}); report.Rows != 8 {
		t.Errorf("%d rows, want 2 minutes of 4 series", report.Rows)
	}
	if _, err := r.auditor().Audit(t.Context(),
		audit.Query{From: at(56, 0), To: at(56, 0)}); err == nil {
		t.Error("an empty range is no error")
	}
	if _, err := r.auditor().Audit(t.Context(), audit.Query{From: at(55, 0), To: at(56, 0),
		Tenant: "nobody"}); !errors.Is(err, store.ErrNoTenant) {
		t.Errorf("got %v for an unknown tenant", err)
	}
}

func TestDeadEventsExplainDifferences(t *testing.T) {
	r := newRig(t, 0, "acme", "globex")
	history(r)
	dead := func(kind, content string) {
		r.Exec("INSERT INTO dead_events (batch, kind, content, reason) VALUES (gen_random_uuid(), $1, "+
			"$2, 'refused')", kind, []byte(content))
	}
	// An event that Postgres refused, though its counter went through.
	r.Exec(`DELETE FROM events WHERE tenant = 'acme' AND feature = E'co\\de'
		AND created_at = '2026-03-10 11:00Z'`)
	dead("raw", "6b1f8f5e-0000-7000-8000-000000000000\tacme\tco\\\\de\t10\t2026-03-10 "+
		"11:00:00+00\t\\N")
	// Sums that Postgres refused, though the event went through.
	r.Exec("UPDATE rollups SET total_tokens = 0, events = 0 WHERE tenant = 'globex' AND feature = " +
		"'chat' AND minute = '2026-03-10 11:00Z'")
	dead("sum",
		`{"table":"rollups","tenant":"globex","feature":"chat","minute":"2026-03-10T11:00:00Z","tokens":100,"events":1}`)
	r.Exec("UPDATE usage_daily SET total_tokens = 900, events = 9 WHERE tenant = 'globex' AND " +
		"feature = 'chat' AND day = '2026-03-09'")
	dead("sum",
		`{"table":"usage_daily","tenant":"globex","feature":"chat","day":"2026-03-09","tokens":100,"events":1}`)
	dead("raw", "no line")
	report := r.audit(r.lately())
	r.wantDrift(report)
	// a minute each, the day of the second, and a day
	if report.Explained != 4 || report.Unreadable != 1 {
		t.Errorf("%d rows explained, %d unreadable; want 4 and 1", report.Explained, report.Unreadable)
	}
	r.Exec("DELETE FROM dead_events")
	if r.audit(r.lately()).Clean() {
		t.Error("clean without what explained the differences")
	}
}

func TestAChangedTimeZoneIsNoDrift(t *testing.T) {
	r := newRig(t, 0, "acme", "globex")
	r.post(event{"acme", "chat", 100, noon.Add(-13 * time.Hour)},
		event{"acme", "chat", 10, noon.Add(-1 * time.Hour)})
	r.settle()
	r.Exec("UPDATE tenants SET timezone = 'Asia/Tokyo' WHERE name = 'acme'")
	r.Reload()
	report := r.audit(r.lately())
	r.wantDrift(report)
	if len(report.Recut) != 1 || report.Recut[0] != (audit.Series{Tenant: "acme", Feature: "chat"}) {
		t.Errorf("recut are %v", report.Recut)
	}

	// Minutes and days both wrong by the same event: the day moves with its minute and
	// the other stays cut as it was.
	r.Exec("DELETE FROM events WHERE tokens = 10")
	r.Exec("INSERT INTO events (id, tenant, feature, tokens, created_at) VALUES (gen_random_uuid(), " +
		"'acme', 'chat', 4, '2026-03-10 11:00Z')")
	r.repair()
	r.wantDrift(r.audit(r.lately()))
	if n := r.Count("SELECT total_tokens FROM usage_daily WHERE day = '2026-03-09'"); n != 100 {
		t.Errorf("the day of the old zone has %d tokens, want 100", n)
	}

	// A wrong day cannot be told from one that is cut otherwise, but the total can.
	r.Exec("UPDATE usage_daily SET total_tokens = total_tokens + 1 WHERE day = '2026-03-10'")
	narrow := audit.Query{From: noon.Add(-2 * time.Hour), To: noon}
	report = r.audit(narrow)
	r.wantDrift(report, "daily acme/chat 2026-03-10 -99/-1", "unresolved acme/chat +1/+0")
	report, err := r.auditor().Repair(t.Context(), narrow)
	if err != nil || report.Resolved() || report.Repaired.Days != 0 {
		t.Errorf("a repair of an unresolved day: %+v, %v", report.Repaired, err)
	}
	if report := r.repair(); !report.Resolved() {
		t.Errorf("the whole history does not resolve it: %v", drift(report))
	}
	r.wantDrift(r.audit(r.lately()))
}
