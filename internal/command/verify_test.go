package command

import (
	"testing"
	"time"
)

// A backup of which nothing could be compared proves nothing, and says so.
func TestDrillNothingWasCompared(t *testing.T) {
	t.Parallel() // on stores of its own, and it waits most of the time
	d := newDrill(t)
	d.run(0, "backup")
	wantParts(t, d.run(1, "restore", "--verify"), "nothing was compared: the backup has no event")
	d.sendAll(true, "acme", "a1", "a2")
	d.flush(0) // their sums wait in Valkey
	d.run(0, "backup")
	got := d.one("SELECT name || ' ' || (taken_at > now() - interval '1 hour') FROM last_backup")
	if len(got) < 20 || got[len(got)-4:] != "true" {
		t.Errorf("the database knows of the backup %s", got)
	}
	wantParts(t, d.run(1, "restore", "--verify"),
		"nothing was compared: the sums of all its events were still on their way")
	d.flush(6 * time.Minute)
	d.flush(time.Minute)
	d.arrived(time.Hour)
	d.run(0, "backup")
	wantParts(t, d.run(0, "restore", "--verify"), "no drift")
}
