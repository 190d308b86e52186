package doctor_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/doctor"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestPostgresKeepsWhatItCommits(t *testing.T) {
	t.Parallel()
	env := stacktest.Own(t) // which runs without fsync and full_page_writes
	execSQL(t, env, "ALTER ROLE flagmeter_ingest SET synchronous_commit = off")
	found, text := visit{}.examine(t, env)
	must(t, found, "postgres/version", doctor.OK, "Postgres 1", "")
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		must(t, found, "postgres/"+name, doctor.Fail, "off: ", "ALTER SYSTEM SET "+name+" = on")
	}
	must(t, found, "postgres/connections", doctor.OK, " of 200 in use", "")
	if t.Failed() {
		t.Log(text)
	}

	wrong, err := url.Parse(env.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	wrong.User = url.UserPassword("flagmeter_ingest", "canary-in-the-password")
	found, text = visit{settings: map[string]string{"DATABASE_URL": wrong.String()}}.examine(t, env)
	must(t, found, "postgres/reachable", doctor.Fail, "password authentication failed",
		"correct user and password in DATABASE_URL")
	must(t, found, "schema/all", doctor.Skip, "needs postgres", "")
	noCanary(t, text)
	wrong, _ = url.Parse(env.DatabaseURL)
	wrong.Path = "/nowhere"
	found, _ = visit{settings: map[string]string{"DATABASE_URL": wrong.String()}}.examine(t, env)
	must(t, found, "postgres/reachable", doctor.Fail, `database "nowhere"`, "flagmeter migrate")

	env.Stack.Postgres.Kill()
	found, _ = visit{}.examine(t, env)
	must(t, found, "postgres/reachable", doctor.Fail, "connection refused",
		"systemctl start postgresql")
	must(t, found, "valkey/fsync", doctor.OK, "always", "")
	must(t, found, "pipeline/queue", doctor.OK, "empty", "")
}

func TestRole(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	found, _ := visit{}.examine(t, env)
	must(t, found, "postgres/role", doctor.OK, "flagmeter_ingest has the rights", "")

	admin := strings.Replace(env.DatabaseURL, "flagmeter_ingest:", "flagmeter:", 1)
	found, _ = visit{settings: map[string]string{"DATABASE_URL": admin}}.examine(t, env)
	must(t, found, "postgres/role", doctor.Warn, "superuser", "sql/roles.sql")
	found, _ = visit{settings: map[string]string{"DATABASE_URL": env.OwnerURL}}.examine(t, env)
	must(t, found, "postgres/role", doctor.Warn, "owns the tables", "sql/roles.sql")

	execSQL(t, env, "REVOKE INSERT ON events FROM flagmeter_app")
	found, _ = visit{}.examine(t, env)
	must(t, found, "postgres/role", doctor.Fail, "lacks 1 rights, the first: INSERT on events",
		"flagmeter migrate")
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	found, _ := visit{}.examine(t, env)
	must(t, found, "schema/migrations", doctor.OK, "all are applied", "")

	execSQL(t, env, "INSERT INTO schema_migrations (id, applied_at) VALUES ('9999_later.sql', now())")
	found, _ = visit{}.examine(t, env)
	must(t, found, "schema/migrations", doctor.Warn, "newer than this program (9999_later.sql)",
		"newest version of every role")

	execSQL(t, env, "DELETE FROM schema_migrations WHERE id = '0006_limits.sql'")
	found, _ = visit{}.examine(t, env)
	must(t, found, "schema/migrations", doctor.Fail, "missing 0006_limits.sql", "flagmeter migrate")
	must(t, found, "tenants/all", doctor.Skip, "needs schema", "")
	if _, looked := found["schema/events"]; looked {
		t.Error("looks at partitions of an old schema")
	}
}

func TestPartitions(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	noon := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	v := visit{now: func() time.Time { return noon }}
	found, _ := v.examine(t, env)
	for _, check := range []string{"schema/events", "schema/rollups"} {
		must(t, found, check, doctor.Fail, "there is no partition for now", "flagmeter flusher")
	}
	execSQL(t,
		env, "SELECT create_partitions('events', '2026-03-09T00:00:00Z', '2026-03-09T00:00:00Z'),"+
			" create_partitions('rollups', '2026-03-09T00:00:00Z', '2026-03-09T00:00:00Z')")
	found, _ = v.examine(t, env)
	must(t, found, "schema/events", doctor.Warn, "end at 2026-03-10 00:00:00 UTC", "flagmeter flusher")
	must(t, found, "schema/rollups", doctor.OK, "until 2026-04-01 00:00:00 UTC", "")
	execSQL(t, env,
		"SELECT create_partitions('events', '2026-03-10T00:00:00Z', '2026-03-15T00:00:00Z')")
	found, _ = v.examine(t, env)
	must(t, found, "schema/events", doctor.OK, "until 2026-03-16 00:00:00 UTC", "")

	execSQL(t, env, "INSERT INTO events VALUES (gen_random_uuid(), 'acme', 'chat', 1, '2026-02-01')")
	found, _ = v.examine(t, env)
	must(t, found, "schema/events", doctor.Warn, "the default partition has 1 rows",
		"keep a flusher running")
}
