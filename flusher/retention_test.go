package flusher

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
)

const days = 24 * time.Hour

// newKeeper is a rig in 2020, of which Postgres' own clock lets everything be dropped, and a
// flusher that keeps events for 90 days and rollups for 400.
func newKeeper(t *testing.T) (*rig, *Flusher) {
	r := newRigWith(t, "acme", "globex")
	r.Set(time.Date(2020, 1, 20, 12, 0, 0, 0, time.UTC))
	if _, err := r.DB.Exec(
		"UPDATE tenants SET timezone = 'Asia/Kathmandu' WHERE name = 'globex'"); err != nil {
		t.Fatal(err)
	}
	r.Reload()
	return r, New(Options{DB: r.FlusherDB, Valkey: r.Scripts, Dedupe: time.Hour,
		EventsRetention: 90 * days, RollupsRetention: 400 * days,
		Now: r.Now, Log: quiet(), Registerer: prometheus.NewRegistry()})
}

// settleAt posts an event at an age and brings it to Postgres.
func (r *rig) settleAt(f *Flusher, tenant string, tokens int64, age time.Duration) {
	r.Helper()
	at := r.Now().Add(-age).Format(time.RFC3339)
	status, answer := r.post(fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":%d,"timestamp":%q}`,
		tenant, tokens, at))
	if status != http.StatusOK {
		r.Fatalf("POST /events: %d %s", status, answer)
	}
	for range 3 {
		r.Advance(5 * time.Minute)
		if _, err := f.RunOnce(context.Background()); err != nil {
			r.Fatal(err)
		}
	}
}

// TestNothingIsMissedAfterRetention keeps the pipeline for two years, in steps of some weeks, with
// events up to 35 days late, and drops what is no longer kept in between.
func TestNothingIsMissedAfterRetention(t *testing.T) {
	r, f := newKeeper(t)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	auditor := audit.New(r.AppDB, r.Scripts, r.Now)
	began := r.Now()
	posted := map[string]int64{}
	for r.Now().Before(began.Add(760 * days)) {
		if err := f.retention.CreatePartitions(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.retention.Drop(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			tenant := []string{"acme", "globex"}[random.IntN(2)]
			tokens := 1 + random.Int64N(1000)
			r.settleAt(f, tenant, tokens, time.Duration(random.Int64N(int64(34*days))))
			posted[tenant] += tokens
		}
		r.Advance(time.Duration(1+random.Int64N(80)) * days)
	}
	whole := audit.Query{From: began.Add(-36 * days), To: r.Now()}
	report, err := auditor.Repair(t.Context(), whole) // which audits before
	if err != nil || !report.Clean() || len(report.Recut) > 0 || report.Repaired.Ledger != "" {
		t.Errorf("the audit finds %+v, %v", report, err)
	}
	for tenant, want := range posted {
		n := r.Count("SELECT sum(total_tokens) FROM usage_daily WHERE tenant = $1", tenant)
		if n != want {
			t.Errorf("usage_daily of %s says %d tokens, posted were %d", tenant, n, want)
		}
	}
	for table, kept := range map[string]time.Duration{
		store.Events: 90 * days, store.Rollups: 400 * days,
	} {
		column, whole := "created_at", days
		if table == store.Rollups {
			column, whole = "minute", 31*days
		}
		oldest := r.Now().Add(-kept - whole - 80*days) // since the last look
		if n := r.Count(fmt.Sprintf("SELECT count(*) FROM %s WHERE %s < $1", table, column),
			oldest); n != 0 {
			t.Errorf("%d rows of %s are older than they should be", n, table)
		}
		dropped := metricstest.Values(t, f.registerer.(*prometheus.Registry))
		if dropped["partitions_dropped_total/"+table] == 0 {
			t.Errorf("no partition of %s was dropped", table)
		}
		s, err := store.Partitions(t.Context(), r.AppDB, table, r.Now())
		if err != nil || s.DefaultRows != 0 {
			t.Errorf("%s: %+v, %v", table, s, err)
		}
	}
}

// TestDriftIsFoundBesideWhatIsGone falsifies a day that is kept, next to those that are not.
func TestDriftIsFoundBesideWhatIsGone(t *testing.T) {
	r, f := newKeeper(t)
	if err := f.retention.CreatePartitions(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.settleAt(f, "globex", 100, 0)
	began := r.Now()
	r.Advance(440 * days) // January and what is before is over
	if err := f.retention.CreatePartitions(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.settleAt(f, "globex", 7, 0)
	if err := f.retention.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.Count("SELECT count(*) FROM rollups"); n != 1 {
		t.Fatalf("%d rollups are left, want 1", n)
	}
	if _, err := r.DB.Exec("UPDATE rollups SET total_tokens = 9"); err != nil {
		t.Fatal(err)
	}
	auditor := audit.New(r.AppDB, r.Scripts, r.Now)
	report, err := auditor.Repair(t.Context(), audit.Query{From: began.Add(-days), To: r.Now()})
	if err != nil || len(report.Minutes) != 1 || len(report.Totals) != 0 ||
		report.Repaired.Rollups != 1 || report.Repaired.Days != 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if n := r.Count("SELECT sum(total_tokens) FROM rollups"); n != 7 {
		t.Errorf("%d tokens in rollups, want 7", n)
	}
}

// TestAChangedZoneIsNoDriftAfterRetention: of a day that was cut otherwise only the total tells
// that nothing is wrong, and the total's first months are gone.
func TestAChangedZoneIsNoDriftAfterRetention(t *testing.T) {
	r, f := newKeeper(t)
	if err := f.retention.CreatePartitions(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.settleAt(f, "globex", 100, 0)
	r.Advance(440 * days)
	if err := f.retention.CreatePartitions(t.Context()); err != nil {
		t.Fatal(err)
	}
	// 19:00Z, after midnight there
	r.settleAt(f, "globex", 7, r.Now().Sub(r.Now().Truncate(days))+5*time.Hour)
	if err := f.retention.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.DB.Exec("UPDATE tenants SET timezone = 'UTC' WHERE name = 'globex'"); err != nil {
		t.Fatal(err)
	}
	report, err := audit.New(r.AppDB, r.Scripts,
		r.Now).Audit(t.Context(), audit.Query{From: r.Now().Add(-2 * days), To: r.Now()})
	if err != nil || !report.Clean() {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestRecoveryLeavesWhatIsGoneAlone loses Valkey's writes while it holds an event and a counter
// of a day that was dropped meanwhile.
func TestRecoveryLeavesWhatIsGoneAlone(t *testing.T) {
	r, f := newKeeper(t)
	if err := f.retention.CreatePartitions(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.settleAt(f, "acme", 100, 0)
	// The same as in a Valkey that is put back from long ago.
	r.mustPost("acme", "chat", 5)
	r.Advance(100 * days)
	if err := f.retention.CreatePartitions(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.retention.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.Count("SELECT count(*) FROM events"); n != 0 {
		t.Fatalf("%d events are left", n)
	}
	if _, err := r.DB.Exec("UPDATE flushes SET seq = seq + 1000"); err != nil { // Valkey is behind it
		t.Fatal(err)
	}
	for range 2 {
		if _, err := f.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.Count("SELECT count(*) FROM flushes WHERE kind = 'rewind'"); n != 1 {
		t.Fatalf("%d recoveries", n)
	}
	if n := r.Count("SELECT count(*) FROM dead_events WHERE reason LIKE '%no longer kept%'"); n != 1 {
		t.Errorf("%d dead events, want 1", n)
	}
	var line string
	if err := r.DB.Get(&line, "SELECT convert_from(content, 'UTF8') FROM dead_events"); err != nil {
		t.Fatal(err)
	}
	_, e, err := record.Parse(line)
	if err != nil || e.Tenant != "acme" || e.Amounts != meter.OneEvent(5) || e.ID != "" {
		t.Errorf("the dead event is %q: %+v, %v", line, e, err)
	}
	for _, table := range []string{"rollups", "usage_daily"} {
		if n := r.Count("SELECT sum(total_tokens) FROM " + table); n != 100 {
			t.Errorf("%d tokens in %s, want 100", n, table)
		}
	}
	if n := r.Count("SELECT count(*) FROM events"); n != 0 {
		t.Errorf("%d events of a day that is not kept came back", n)
	}
}
