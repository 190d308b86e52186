package audit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// TestRepairBesideARunningSystem corrupts both tables in every way while the pipeline
// works, and expects to find and repair just that.
func TestRepairBesideARunningSystem(t *testing.T) {
	r := newRig(t, fastClock, "acme", "globex", "quiet")
	// Minutes that the load does not touch: its events are at most three hours late.
	var events []event
	for i := range 20 {
		for _, tenant := range []string{"acme", "quiet"} {
			for _, ago := range []time.Duration{6 * time.Hour, 26 * time.Hour} {
				events = append(events,
					event{tenant, "chat", 100, noon.Add(-ago + time.Duration(i)*time.Minute)})
			}
		}
	}
	r.post(events...)
	r.settle()
	live := r.Reader() // keeps its view of "quiet" as no new batch names it
	ctx, cancel := context.WithCancel(context.Background())
	var keeping sync.WaitGroup
	keeping.Go(func() { live.Keep(ctx, quiet()) })
	defer keeping.Wait()
	defer cancel()

	l := r.startLoad("acme", "globex")
	for range 3 {
		r.wantDrift(r.patiently(r.auditor().Audit))
	}
	r.Exec("UPDATE rollups SET total_tokens = total_tokens + 1000, events = events + 1 WHERE tenant " +
		"= 'acme' AND minute = '2026-03-10 06:03Z'")
	r.Exec("DELETE FROM rollups WHERE tenant = 'acme' AND minute = '2026-03-10 06:04Z'")
	r.Exec("INSERT INTO rollups VALUES ('acme', 'ghost', '2026-03-10 06:05Z', 77, 7)")
	r.Exec("UPDATE usage_daily SET total_tokens = total_tokens + 500 WHERE tenant = 'acme' AND " +
		"feature = 'chat' AND day = '2026-03-10'")
	r.Exec("UPDATE usage_daily SET total_tokens = total_tokens + 9 WHERE tenant = 'quiet' AND day = " +
		"'2026-03-10'")
	r.Exec("DELETE FROM usage_daily WHERE tenant = 'quiet' AND day = '2026-03-09'")
	r.Exec("INSERT INTO usage_daily VALUES ('quiet', '2026-03-10', 'ghost', 3, 1)")
	want := []string{
		"rollups acme/chat 10T06:03 +1000/+1", "rollups acme/chat 10T06:04 -100/-1",
		"rollups acme/ghost 10T06:05 +77/+7",
		"daily acme/chat 2026-03-10 +500/+0",
		"daily quiet/chat 2026-03-09 -2000/-20", "daily quiet/chat 2026-03-10 +9/+0",
		"daily quiet/ghost 2026-03-10 +3/+1",
	}
	r.wantDrift(r.patiently(r.auditor().Audit), want...)
	report := r.patiently(r.auditor().Repair)
	r.wantDrift(report, want...)
	if !report.Resolved() || report.Repaired.Rollups != 3 || report.Repaired.Days != 4 {
		t.Errorf("settled %v, repaired %+v", report.Resolved(), report.Repaired)
	}
	for range 3 {
		r.wantDrift(r.patiently(r.auditor().Audit))
	}
	l.stop()
	r.settle()
	r.wantDrift(r.audit(r.lately()))
	r.wantSums()
	cancel()
	keeping.Wait()
	if err := live.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.tokens["acme"] += 4000
	l.tokens["quiet"] += 4000
	for tenant, tokens := range l.tokens {
		u, err := live.Tenant(t.Context(), tenant)
		if err != nil || u.Used[meter.Tokens] != tokens || u.Stale {
			t.Errorf("live usage of %s is %d (stale %v, %v), want %d", tenant, u.Used[meter.Tokens], u.Stale,
				err, tokens)
		}
	}
}

// TestLiveUsageNoticesARepair has a reader whose view was made from corrupted days.
func TestLiveUsageNoticesARepair(t *testing.T) {
	r := newRig(t, 0, "acme", "globex")
	history(r)
	r.Exec("UPDATE usage_daily SET total_tokens = total_tokens + 5000 WHERE tenant = 'acme' AND " +
		"feature = 'chat' AND day = '2026-03-10'")
	live := r.Reader()
	tokens := func() int64 {
		t.Helper()
		if err := live.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		u, err := live.Tenant(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		return u.Used[meter.Tokens]
	}
	if got := tokens(); got != 2200+5000 {
		t.Fatalf("before: %d tokens", got)
	}
	r.repair()
	if got := tokens(); got != 2200 {
		t.Errorf("after: %d tokens, want 2200", got)
	}
}

// TestARepairEntersTheLedgerInOrder: a reader that has seen a later ledger row must have seen
// the repair's. So no flusher may commit between its numbering and its commit.
func TestARepairEntersTheLedgerInOrder(t *testing.T) {
	r := newRig(t, 0, "acme", "globex")
	history(r)
	r.Exec("UPDATE usage_daily SET total_tokens = 1 WHERE tenant = 'acme' AND feature = 'chat' AND " +
		"day = '2026-03-10'")
	enter := `INSERT INTO flushes (id, shard, kind, seq, rows, tokens)
		VALUES (gen_random_uuid(), 0, 'raw', 1, 0, 0) RETURNING n`
	flush, err := r.DB.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer flush.Rollback()
	var before int64
	if err := flush.Get(&before, enter); err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		report audit.Report
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		report, err := r.auditor().Repair(context.Background(), r.lately())
		done <- outcome{report, err}
	}()
	for waiting := int64(0); waiting == 0; {
		waiting = r.Count("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = " +
			"'flushes'::regclass")
		select {
		case o := <-done:
			t.Fatalf("the repair did not wait: %+v, %v", o.report.Repaired, o.err)
		default:
		}
	}
	if _, err := r.auditor().Repair(t.Context(), r.lately()); !errors.Is(err, audit.ErrRepairing) {
		t.Errorf("a second repair: %v, want ErrRepairing", err)
	}
	if err := flush.Commit(); err != nil {
		t.Fatal(err)
	}
	o := <-done
	if o.err != nil {
		t.Fatal(o.err)
	}
	if n := r.Count("SELECT n FROM flushes WHERE id = $1 AND kind = 'sum' AND tenants = '{acme}'",
		o.report.Repaired.Ledger); n <= before {
		t.Errorf("the repair is number %d, after %d", n, before)
	}
}

func TestARepairThatMustNotBeChangesNothing(t *testing.T) {
	tests := []struct {
		name    string
		prepare string
		want    error
	}{
		{"events of a day are no longer kept", "DELETE FROM events WHERE created_at < '2026-03-10'",
			audit.ErrNoEvents},
		{"a row would be negative",
			`WITH d AS (DELETE FROM events WHERE created_at = '2026-03-10 11:00Z' AND tenant = 'acme'
				AND feature = 'chat'),
			r AS (UPDATE rollups SET total_tokens = 0, events = 0 WHERE minute = '2026-03-10 11:00Z'
			AND tenant = 'acme' AND feature = 'chat')
			INSERT INTO dead_events (batch, kind, content, reason) VALUES (gen_random_uuid(), 'sum',
				'{"table":"rollups","tenant":"acme","feature":"chat","minute":"2026-03-10T11:00:00Z","tokens":150,"events":1}',
				'refused')`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 0, "acme", "globex")
			history(r)
			r.Exec(tt.prepare)
			if tt.want == nil {
				// The event is gone from both; what dead_events adds has nothing to be taken from.
				r.Exec("INSERT INTO events (id, tenant, feature, tokens, created_at) VALUES " +
					"(gen_random_uuid(), 'acme', 'chat', 20, '2026-03-10 11:00Z')")
				tt.want = audit.ErrNegative
			}
			r.Exec("UPDATE rollups SET total_tokens = total_tokens + 1 WHERE tenant = 'globex'")
			sums := func() int64 {
				return r.Count("SELECT (SELECT sum(total_tokens) FROM rollups) * 1000000 + (SELECT " +
					"sum(total_tokens) FROM usage_daily) + (SELECT count(*) FROM flushes)")
			}
			before := sums()
			if _, err := r.auditor().Repair(t.Context(), r.lately()); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if after := sums(); after != before {
				t.Errorf("sums are %d, were %d", after, before)
			}
		})
	}
}
