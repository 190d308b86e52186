package command

import (
	"strings"
	"testing"
	"time"
)

// Postgres is lost before anything was flushed after the backup: all comes back, the part that
// had not been flushed from Valkey.
func TestDrillNothingIsLost(t *testing.T) {
	t.Parallel() // on stores of its own, and it waits most of the time
	d := newDrill(t)
	d.run(0, "tenants", "add", "globex")
	d.refresh()
	d.sendAll(true, "acme", "a1", "a2", "a3")
	d.sendAll(true, "globex", "x1")
	d.flush(0)
	d.flush(2 * time.Minute) // the sums as well
	d.arrived(time.Hour)
	d.sendAll(true, "acme", "b1", "b2")
	d.flush(0) // their sums wait in Valkey
	d.run(0, "backup")
	d.sendAll(true, "acme", "c1", "c2", "c3")

	d.losePostgres()
	out := d.run(0, "restore", "--verify")
	wantParts(t, out, "it can be restored, and all sums are those of the manifest", "no drift")
	wantParts(t, d.run(0, "restore", "latest"), "all sums are those of the manifest",
		"flagmeter restore --adopt")
	wantParts(t, d.run(0, "restore", "--adopt"), "nothing is lost", "start a flusher")

	d.start()
	if done := d.flush(0); done.Rewinds != 1 || done.Events != 3 {
		t.Errorf("adoption: %+v", done)
	}
	d.wantLive("acme", "a1", "a2", "a3", "b1", "b2", "c1", "c2", "c3")
	d.sendAll(false, "acme", "a1", "b2", "c3")
	d.sendAll(true, "acme", "d1") // identity columns go on
	d.wantLive("acme", "a1", "a2", "a3", "b1", "b2", "c1", "c2", "c3", "d1")
	d.wantLive("globex", "x1")
	d.wantSettled("a1 a2 a3 b1 b2 c1 c2 c3 d1 x1")
}

// Postgres is lost after more was flushed: exactly that is lost, is told, and can be sent again.
func TestDrillWhatWasFlushedAfterTheBackupIsLost(t *testing.T) {
	t.Parallel() // on stores of its own, and it waits most of the time
	d := newDrill(t)
	d.sendAll(true, "acme", "a1", "a2")
	d.flush(0)
	d.flush(2 * time.Minute)
	d.age(20 * time.Hour) // many dedupe windows
	d.run(0, "backup")
	d.sendAll(true, "acme", "d1", "d2")
	d.flush(0)
	d.flush(2 * time.Minute) // settled: Valkey keeps the sum for readers
	d.run(0, "tenants", "add", "newcomer", "--quota", "5000", "--billing-day", "15")
	d.refresh()
	d.sendAll(true, "acme", "e1")
	d.sendAll(true, "newcomer", "g1")
	d.flush(0) // their sums wait in Valkey, without their events
	d.sendAll(true, "acme", "f1")
	d.sendAll(true, "newcomer", "g2")
	d.wantLive("acme", "a1", "a2", "d1", "d2", "e1", "f1")

	d.losePostgres()
	d.run(0, "restore")
	out := d.run(0, "restore", "--adopt")
	wantParts(t, out, "the backup does not: newcomer",
		"4 events that were flushed after the backup are lost")
	d.run(0, "restore", "--adopt") // again, as after a crash

	d.start()
	if done := d.flush(0); done.Rewinds != 1 || done.Events != 2 {
		t.Errorf("adoption: %+v", done)
	}
	got := d.one("SELECT monthly_quota || ' ' || billing_day FROM tenants WHERE name = 'newcomer'")
	if got != "5000 15" {
		t.Errorf("newcomer came back with %s", got)
	}
	d.wantLive("acme", "a1", "a2", "f1") // no sum of a lost event
	d.wantLive("newcomer", "g2")
	d.sendAll(false, "acme", "a1", "a2", "f1")
	d.sendAll(false, "newcomer", "g2")
	d.sendAll(true, "acme", "d1", "d2", "e1")
	d.sendAll(true, "newcomer", "g1")
	d.sendAll(false, "acme", "d1", "e1")
	d.wantLive("acme", "a1", "a2", "d1", "d2", "e1", "f1")
	d.wantSettled("a1 a2 d1 d2 e1 f1 g1 g2")
}

func wantParts(t *testing.T, out string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
}
