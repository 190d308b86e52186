package e2e

import (
	"strings"
	"testing"

	schema "github.com/eduardosanzb/flagmeter/sql"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestRolesMigrateIfTheyAreTold(t *testing.T) {
	env := stacktest.New(t)
	databaseURL, db := emptyDatabase(t, env)
	s := settingsOf(env).with("DATABASE_URL", databaseURL)
	for _, role := range []string{"ingest", "flusher", "alerter"} {
		status, _, stderr := execute(t, s, role)
		if status != 1 || !strings.Contains(stderr, schema.ErrOutdated.Error()) {
			t.Errorf("%s on a database without a schema: exit status %d: %s", role, status, stderr)
		}
	}
	s = s.with("MIGRATE_ON_START", "true")
	var daemons []*daemon
	for _, role := range []string{"ingest", "flusher", "alerter"} { // at the same time
		daemons = append(daemons, launch(t, s, role))
	}
	for _, d := range daemons {
		d.line(`"the schema is up to date"`)
	}
	if err := schema.Check(t.Context(), db); err != nil {
		t.Error(err)
	}
	for _, d := range daemons {
		if status, rest := d.stop(); status != 0 {
			t.Errorf("exit status %d: %s%s", status, rest, d.stderr)
		}
	}
}
