package e2e

import (
	"strings"
	"testing"
	"time"

	schema "github.com/eduardosanzb/flagmeter/sql"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestARoleOnAnOldSchemaDoesNotStart wants no role to say that it has started, and none to drain
// what it has never served: DRAIN_TIME is longer than the test waits.
func TestARoleOnAnOldSchemaDoesNotStart(t *testing.T) {
	t.Parallel()
	env := stacktest.Own(t)
	s := settingsOf(env).with("DRAIN_TIME", "10m")
	refuse := func(d *daemon, mayStart bool) {
		t.Helper()
		select {
		case status := <-d.status:
			rest := ""
			for line := range d.lines {
				rest += line + "\n"
			}
			if status != 1 || !strings.Contains(d.stderr.String(), schema.ErrOutdated.Error()) ||
				!mayStart && strings.Contains(rest, `"started"`) {
				t.Errorf("exit status %d: %s%s", status, rest, d.stderr)
			}
		case <-time.After(60 * time.Second):
			t.Error("it does not end")
		}
	}
	if _, err := env.DB.Exec(
		"DELETE FROM schema_migrations WHERE id = (SELECT max(id) FROM schema_migrations)"); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"ingest", "flusher", "alerter"} {
		refuse(launch(t, s, role), false)
	}
	// It finds out later, when Postgres is there.
	env.Stack.Postgres.Kill()
	d := launch(t, s, "ingest")
	d.line(`"waiting for postgres or a copy of the tenants"`)
	if err := env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	refuse(d, true)
}
