package schema_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	schema "github.com/eduardosanzb/flagmeter/sql"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestRolesMayDoNoMoreThanTheyNeed tries what the program never does. That it may do all that
// it needs is shown by all other tests: their program runs as flagmeter_ingest.
func TestRolesMayDoNoMoreThanTheyNeed(t *testing.T) {
	env := stacktest.New(t)
	if _, err := env.DB.ExecContext(t.Context(), `INSERT INTO tenants (name) VALUES ('acme');
		INSERT INTO events VALUES (gen_random_uuid(), 'acme', 'chat', 1, now());
		INSERT INTO flushes (id, shard, kind, seq, rows, tokens)
		VALUES (gen_random_uuid(), 0, 'raw', 1, 1, 1)`); err != nil {
		t.Fatal(err)
	}
	var tables []string
	if err := env.DB.SelectContext(t.Context(), &tables, `SELECT relname FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`); err != nil {
		t.Fatal(err)
	}
	refused := []string{
		"DELETE FROM tenants",
		"UPDATE tenants SET name = 'other'",
		"UPDATE tenants SET id = gen_random_uuid()",
		"DELETE FROM events",
		"UPDATE events SET tokens = 0",
		"UPDATE events_default SET tokens = 0",
		"INSERT INTO events_default SELECT * FROM events",
		"DELETE FROM flushes",
		"DELETE FROM dead_events",
		"UPDATE dead_events SET reason = ''",
		"DELETE FROM alerts",
		"UPDATE alerts SET quota = 1",
		"DELETE FROM deliveries",
		"DELETE FROM delivery_attempts",
		"INSERT INTO slack_webhooks (tenant, url) VALUES ('acme', 'https://example.com')",
		"UPDATE slack_webhooks SET url = 'https://example.com'",
		"DELETE FROM slack_webhooks",
		"INSERT INTO webhooks (url) VALUES ('https://example.com')",
		"UPDATE webhooks SET secret = DEFAULT",
		"DELETE FROM api_keys",
		"UPDATE api_keys SET scope = 'admin'",
		"UPDATE api_keys SET hash = ''",
		"UPDATE api_keys SET expires_at = NULL",
		"DELETE FROM schema_migrations",
		"INSERT INTO schema_migrations (id) VALUES ('x')",
		"CREATE TABLE mine (n int)",
		"CREATE SCHEMA mine",
		"CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
		"CREATE EXTENSION pg_trgm",
		"CREATE ROLE mine",
		"ALTER ROLE flagmeter_owner PASSWORD 'x'",
		"SET ROLE flagmeter_owner",
		"DROP FUNCTION create_event_partitions(date, date)",
		"ALTER FUNCTION create_event_partitions(date, date) SECURITY INVOKER",
		"DROP VIEW alert_deliveries",
		"COPY events TO '/tmp/events'",
		"COPY events TO PROGRAM 'cat'",
		"SELECT pg_read_file('/etc/passwd')",
		"SELECT rolpassword FROM pg_authid",
		"SET session_replication_role = replica",
		"SELECT pg_reload_conf()",
		"INSERT INTO retention_policy (name) VALUES ('events')",
		"UPDATE retention_policy SET keep = '40 days'",
		"DELETE FROM retention_policy",
		"INSERT INTO retention VALUES ('events', now())",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user AND " +
			"usename IS NOT NULL",
	}
	for _, table := range tables {
		for _, statement := range []string{"TRUNCATE %s CASCADE", "DROP TABLE %s CASCADE",
			"ALTER TABLE %s ADD mine int",
			"ALTER TABLE %s DISABLE TRIGGER ALL", "CREATE INDEX ON %s ((1))",
			"CREATE TRIGGER mine AFTER INSERT ON %s EXECUTE FUNCTION bump_tenants_version()"} {
			refused = append(refused, fmt.Sprintf(statement, table))
		}
	}
	for _, role := range []string{"flagmeter_app", "flagmeter_ingest", "flagmeter_flusher"} {
		t.Run(role, func(t *testing.T) {
			for _, statement := range []string{"SELECT drop_old_partition('events', '2020-01-01Z')",
				"SELECT forget_flushes('2020-01-01Z', '{}', 1)"} {
				if err := try(t, env, role, statement); denied(err) != (role != "flagmeter_flusher") ||
					!denied(err) && err != nil {
					t.Errorf("%s: %v", statement, err)
				}
			}
			hashes := try(t, env, role, "SELECT hash, session_key FROM api_keys")
			if role != "flagmeter_ingest" && !denied(hashes) || role == "flagmeter_ingest" && hashes != nil {
				t.Errorf("the hashes of API keys: %v", hashes)
			}
			for _, statement := range refused {
				if err := try(t, env, role, statement); !denied(err) {
					t.Errorf("%s: %v, want permission denied", statement, err)
				}
			}
			// The same test must be able to see a statement succeed.
			for _, statement := range []string{"SELECT * FROM tenants", "UPDATE tenants SET billing_day = 2",
				"CREATE TEMP TABLE mine (n int)",
				"SELECT create_event_partitions('2026-01-01', '2026-01-02')",
				"LOCK TABLE flushes IN SHARE ROW EXCLUSIVE MODE"} {
				if err := try(t, env, role, statement); err != nil {
					t.Errorf("%s: %v", statement, err)
				}
			}
		})
	}
}

// try runs a statement as a role and takes it back.
func try(t *testing.T, env *stacktest.Env, role, statement string) error {
	t.Helper()
	var tx *sqlx.Tx
	var err error
	if role == "flagmeter_ingest" { // which has logged in
		tx, err = env.AppDB.Beginx()
	} else {
		tx, err = env.DB.Beginx()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if role != "flagmeter_ingest" {
		if _, err := tx.Exec("SET LOCAL SESSION AUTHORIZATION " + role); err != nil {
			t.Fatal(err)
		}
	}
	_, err = tx.Exec(statement)
	return err
}

func denied(err error) bool {
	var refusal *pq.Error
	return errors.As(err, &refusal) && refusal.Code == "42501"
}

// TestAPartitionCannotBeMadeElsewhere shadows events by a temporary table: the function that
// makes partitions works as the owner, and must not be led astray.
func TestAPartitionCannotBeMadeElsewhere(t *testing.T) {
	env := stacktest.New(t)
	tx, err := env.AppDB.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("CREATE TEMP TABLE events (created_at timestamptz) PARTITION BY RANGE " +
		"(created_at); SELECT create_event_partitions('2026-01-01', '2026-01-01')"); err != nil {
		t.Fatal(err)
	}
	var parent, owner string
	if err := tx.QueryRowx(`SELECT i.inhparent::regclass::text, c.relowner::regrole::text
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE c.relname = 'events_20260101'`).Scan(&parent, &owner); err != nil {
		t.Fatal(err)
	}
	if parent != "public.events" || owner != "flagmeter_owner" {
		t.Errorf("the partition is one of %s and belongs to %s", parent, owner)
	}
}

// TestRolesCanBeMadeLater brings the roles to a database whose schema a superuser has made,
// twice, as an operator does who comes from an older version.
func TestRolesCanBeMadeLater(t *testing.T) {
	env := stacktest.New(t)
	for _, statement := range []string{"REASSIGN OWNED BY flagmeter_owner TO flagmeter",
		"DROP OWNED BY flagmeter_app, flagmeter_ingest"} {
		if _, err := env.DB.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := try(t, env, "flagmeter_ingest", "SELECT * FROM tenants"); !denied(err) {
		t.Fatalf("the rights are not gone: %v", err)
	}
	for range 2 {
		if _, err := env.DB.Exec(schema.Roles); err != nil {
			t.Fatal(err)
		}
		if applied, err := schema.Migrate(t.Context(), env.DB); err != nil || applied != 0 {
			t.Fatalf("%d migrations were applied, %v", applied, err)
		}
		for _, role := range []string{"flagmeter_app", "flagmeter_ingest"} {
			if err := try(t, env, role,
				"SELECT create_event_partitions('2026-01-01', '2026-01-02'), name FROM tenants"); err != nil {
				t.Error(err)
			}
			if err := try(t, env, role, "DROP TABLE tenants CASCADE"); !denied(err) {
				t.Errorf("DROP TABLE: %v", err)
			}
		}
	}
	var others []string
	if err := env.DB.Select(&others, `SELECT relname FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND relowner <> 'flagmeter_owner'::regrole
		UNION ALL SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
		AND proowner <> 'flagmeter_owner'::regrole`); err != nil {
		t.Fatal(err)
	}
	if len(others) > 0 {
		t.Errorf("roles.sql has not given the owner what migrations have made: %s", others)
	}
}

// TestWhatIsNotOursStaysItsOwners has a function and a table of another program in the schema. A
// function that works with the rights of its owner must not get those of flagmeter_owner.
func TestWhatIsNotOursStaysItsOwners(t *testing.T) {
	env := stacktest.New(t)
	if _, err := env.DB.Exec(`CREATE FUNCTION theirs() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text'; CREATE TABLE their_table (n int); CREATE VIEW their_view AS SELECT 1 AS n;
		ALTER FUNCTION theirs() OWNER TO flagmeter_app; ALTER TABLE their_table OWNER TO flagmeter_app`); err != nil {
		t.Fatal(err)
	}
	if _, err := env.DB.Exec(schema.Roles); err != nil {
		t.Fatal(err)
	}
	var runs, table, view string
	if err := env.DB.QueryRow(`SELECT theirs(), (SELECT relowner::regrole::text FROM pg_class
		WHERE relname = 'their_table'),
		(SELECT relowner::regrole::text FROM pg_class
		WHERE relname = 'their_view')`).Scan(&runs, &table, &view); err != nil {
		t.Fatal(err)
	}
	if runs != "flagmeter_app" || table != "flagmeter_app" || view == "flagmeter_owner" {
		t.Errorf("the function works as %s, the table belongs to %s, the view to %s", runs, table, view)
	}
}

// TestARoleOfTheVersionBeforeKeepsItsRights comes from a version that had no role for the flusher.
func TestARoleOfTheVersionBeforeKeepsItsRights(t *testing.T) {
	t.Parallel()
	env := stacktest.Own(t) // roles belong to the whole server
	for _, statement := range []string{"DROP OWNED BY flagmeter_flusher, flagmeter_retention",
		"DROP ROLE flagmeter_flusher", "DROP ROLE flagmeter_retention"} {
		if _, err := env.DB.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	drop := func(when string, may bool) {
		t.Helper()
		if _, err := schema.Migrate(t.Context(), env.DB); err != nil {
			t.Fatal(err)
		}
		if err := try(t, env, "flagmeter_app",
			"SELECT drop_old_partition('events', '2020-01-01Z')"); denied(err) == may {
			t.Errorf("%s: %v", when, err)
		}
	}
	drop("with the roles of the version before", true)
	for range 2 {
		if _, err := env.DB.Exec(schema.Roles); err != nil {
			t.Fatal(err)
		}
		drop("after roles.sql", true)
	}
	if _, err := env.DB.Exec("REVOKE flagmeter_retention FROM flagmeter_app"); err != nil {
		t.Fatal(err)
	}
	if _, err := env.DB.Exec(schema.Roles); err != nil {
		t.Fatal(err)
	}
	drop("after it was taken away", false)
	if err := try(t, env, "flagmeter_flusher",
		"SELECT drop_old_partition('events', '2020-01-01Z')"); err != nil {
		t.Errorf("the flusher: %v", err)
	}
}
