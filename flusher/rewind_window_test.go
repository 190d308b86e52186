package flusher

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// lose makes the rig's Valkey look as if it had lost a hand-out, and recovers.
func (r *rig) lose() {
	r.Helper()
	seq, err := r.Scripts.Position(context.Background(), 0)
	if err != nil {
		r.Fatal(err)
	}
	r.Scripts.Known(0, seq+1)
	done, err := r.flusher().RunOnce(context.Background())
	if err != nil || done.Rewinds != 1 {
		r.Fatalf("recovery: %+v, %v", done, err)
	}
}

// arrived makes the only event in Postgres one that arrived at t.
func (r *rig) arrived(t time.Time) {
	r.Helper()
	if _, err := r.DB.Exec("UPDATE events SET id = $1", record.FirstID(t)); err != nil {
		r.Fatal(err)
	}
}

// drained is when the last hand-out that left nothing behind was made.
func (r *rig) drained() time.Time {
	r.Helper()
	var id uuid.UUID
	err := r.DB.Get(&id, "SELECT id FROM flushes WHERE drained ORDER BY seq DESC LIMIT 1")
	if err != nil {
		r.Fatal(err)
	}
	return record.TimeOf(id)
}

// TestRecoveryLooksTenMinutesBack loses the counter of an event that arrived just before
// the last hand-out which left nothing behind, when its minute was open.
func TestRecoveryLooksTenMinutesBack(t *testing.T) {
	r := newRigWith(t, "acme")
	r.mustPost("acme", "chat", 5)
	r.settle()
	r.arrived(r.drained().Add(-9 * time.Minute))
	err := r.Valkey.Del(context.Background(), "fm:{0}:minutes", "fm:{0}:minute:29552400").Err()
	if err != nil {
		t.Fatal(err)
	}
	r.lose()
	r.wantTokens("acme", 5, 1)
}

// TestRecoveryDoubtsAClockThatIsAhead is the same with a hand-out by a flusher whose clock was
// an hour ahead: its id is newer than the event.
func TestRecoveryDoubtsAClockThatIsAhead(t *testing.T) {
	r := newRigWith(t, "acme")
	r.mustPost("acme", "chat", 5)
	r.settle()
	now := r.drained()
	if _, err := r.DB.Exec("UPDATE flushes SET id = $1 WHERE drained",
		record.FirstID(now.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	r.arrived(now)
	err := r.Valkey.Del(context.Background(), "fm:{0}:minutes", "fm:{0}:minute:29552400").Err()
	if err != nil {
		t.Fatal(err)
	}
	r.lose()
	r.wantTokens("acme", 5, 1)
}

// TestRecoveryRebuildsWhatSumsAreAbout recovers a counter whose event seems to have been
// settled long ago, as when the clock of ingest is far behind.
func TestRecoveryRebuildsWhatSumsAreAbout(t *testing.T) {
	r := newRigWith(t, "acme")
	r.mustPost("acme", "chat", 5)
	r.settle()
	r.arrived(r.drained().Add(-24 * time.Hour))
	r.lose()
	r.wantTokens("acme", 5, 1)
}

// TestRecoveryLeavesOldMinutesAlone has a row of rollups that events do not account for,
// in a minute that the loss is not about.
func TestRecoveryLeavesOldMinutesAlone(t *testing.T) {
	r := newRigWith(t, "acme")
	_, err := r.DB.Exec("INSERT INTO rollups VALUES ('acme', 'chat', '2025-12-01', 7, 1)")
	if err != nil {
		t.Fatal(err)
	}
	r.mustPost("acme", "chat", 5)
	r.lose()
	if n := r.Count("SELECT sum(total_tokens) FROM rollups"); n != 12 {
		t.Errorf("%d tokens in rollups, want 12", n)
	}
}

// TestRecoveryKeepsRowsWithoutEvents recovers a counter of a minute whose events were
// deleted in Postgres.
func TestRecoveryKeepsRowsWithoutEvents(t *testing.T) {
	r := newRigWith(t, "acme")
	late := func() {
		t.Helper()
		status, answer := r.post(
			`{"tenant":"acme","feature":"chat","tokens":7,"timestamp":"2026-02-20T10:00:00Z"}`)
		if status != 200 {
			t.Fatalf("POST /events: %d %s", status, answer)
		}
	}
	late()
	r.settle()
	if _, err := r.DB.Exec("DELETE FROM events"); err != nil {
		t.Fatal(err)
	}
	late()
	if err := r.Valkey.Del(context.Background(), "fm:{0}:raw").Err(); err != nil {
		t.Fatal(err)
	}
	r.lose()
	for _, table := range []string{"rollups", "usage_daily"} {
		if n := r.Count("SELECT sum(total_tokens) FROM " + table); n != 7 {
			t.Errorf("%d tokens in %s, want 7", n, table)
		}
	}
}

// TestRecoveryKeepsPoison recovers raw events among which is one that Postgres refuses,
// and a tenant that was removed there.
func TestRecoveryKeepsPoison(t *testing.T) {
	r := newRigWith(t, "acme", "gone")
	r.mustPost("acme", "chat", 5)
	r.mustPost("gone", "chat", 6)
	stacktest.ForgetTenants(t, r.DB, "gone")
	err := r.Valkey.RPush(context.Background(), "fm:{0}:raw",
		line("acme", 3)+"\n"+line("acme", "many")).Err()
	if err != nil {
		t.Fatal(err)
	}
	r.lose()
	if n := r.Count("SELECT count(*) FROM dead_events"); n != 1 {
		t.Errorf("%d dead events, want 1", n)
	}
	r.wantTokens("acme", 8, 2)
	if n := r.Count("SELECT sum(tokens) FROM events WHERE tenant = 'gone'"); n != 6 {
		t.Errorf("%d tokens of the removed tenant in events, want 6", n)
	}
}
