package schema_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	schema "github.com/eduardosanzb/flagmeter/sql"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestWhatIsNeededCannotBeDropped asks the functions of migration 0010, as the program may, for
// more than they may do.
func TestWhatIsNeededCannotBeDropped(t *testing.T) {
	env := stacktest.New(t)
	if _, err := env.AppDB.Exec("SELECT create_partitions('events', now() - interval '60 days', " +
		"now() + interval '3 days'), create_partitions('rollups', now() - interval '200 days', " +
		"now())"); err != nil {
		t.Fatal(err)
	}
	if _, err := env.DB.Exec("INSERT INTO flushes (id, shard, kind, seq, rows, tokens) SELECT " +
		"gen_random_uuid(), 0, 'raw', s, 1, 1 FROM generate_series(1, 3) AS s"); err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		t.Helper()
		if err := env.DB.Get(&n,
			"SELECT (SELECT count(*) FROM pg_inherits) + (SELECT count(*) FROM flushes)"); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	for _, statement := range []string{
		"SELECT drop_old_partition('events', now() - interval '40 days' + interval '1 minute')",
		"SELECT drop_old_partition('events', now())",
		"SELECT drop_old_partition('events', 'infinity')",
		"SELECT drop_old_partition('events', NULL)",
		"SELECT drop_old_partition('rollups', now() - interval '39 days')",
		"SELECT drop_old_partition('usage_daily', '2020-01-01Z')",
		"SELECT drop_old_partition('events_default', '2020-01-01Z')",
		"SELECT drop_old_partition(NULL, '2020-01-01Z')",
		"SELECT drop_old_partition('alerts; DROP TABLE alerts', '2020-01-01Z')",
		"SELECT create_partitions('tenants', '2020-01-01Z', '2020-01-01Z')",
		"SELECT create_partitions('events', '2014-12-31Z', '2015-01-02Z')",
		"SELECT create_partitions('events', now(), now() + interval '121 days')",
		"SELECT create_partitions('events', now() - interval '401 days', now())",
		"SELECT create_partitions('events', '-infinity', 'infinity')",
		"SELECT create_partitions('events', NULL, now())",
		"SELECT create_partitions('rollups', '2020-01-01Z', now())",
		"SELECT create_event_partitions('2020-01-01', '2026-01-01')",
		"SELECT create_event_partitions('9000-01-01', '9000-01-02')",
		"SELECT forget_flushes(now() - interval '39 days', '{}', 1000)",
		"SELECT forget_flushes('infinity', '{}', 1000)",
		"SELECT forget_flushes('2020-01-01Z', NULL, 1000)",
	} {
		role := "flagmeter_flusher"
		if strings.Contains(statement, "create_partitions") {
			role = "flagmeter_ingest"
		}
		{
			if err := try(t, env, role, statement); err == nil || denied(err) {
				t.Errorf("%s as %s: %v, want a refusal of its argument", statement, role, err)
			}
		}
	}
	if after := count(); after != before {
		t.Errorf("%d partitions and rows of the ledger before, %d after", before, after)
	}
	// What is old enough goes, and no more than that.
	limit := time.Now().Add(-40*24*time.Hour - time.Minute)
	for dropped := 0; ; dropped++ {
		var name *string
		if err := env.FlusherDB.Get(&name, "SELECT drop_old_partition('events', $1)", limit); err != nil {
			t.Fatal(err)
		}
		if name == nil {
			if dropped < 19 || dropped > 21 {
				t.Errorf("%d partitions were dropped", dropped)
			}
			break
		}
		var end string
		if _, err := fmt.Sscanf(*name, "events_%8s", &end); err != nil ||
			end >= limit.UTC().Format("20060102") {
			t.Errorf("%s was dropped, %v", *name, err)
		}
	}
	var oldest time.Time
	if err := env.DB.Get(&oldest, "SELECT oldest FROM partition_state('events', now())"); err != nil ||
		oldest.Add(24*time.Hour).Before(limit) {
		t.Errorf("the oldest partition begins at %s, %v", oldest, err)
	}
}

// TestNothingYoungerThanTheSettingIsDropped asks, as the flusher may, for more than the owner's
// setting lets go.
func TestNothingYoungerThanTheSettingIsDropped(t *testing.T) {
	env := stacktest.New(t)
	if _, err := env.AppDB.Exec("SELECT create_partitions('events', now() - interval '100 days', " +
		"now())"); err != nil {
		t.Fatal(err)
	}
	owner, err := sqlx.Open("postgres", env.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	dropped := func() (n int) {
		t.Helper()
		for {
			var name *string
			if err := env.FlusherDB.Get(&name,
				"SELECT drop_old_partition('events', now() - interval '41 days')"); err != nil {
				t.Fatal(err)
			}
			if name == nil {
				return n
			}
			n++
		}
	}
	const day = 24 * time.Hour
	set := func(events time.Duration, over bool) {
		t.Helper()
		if err := schema.SetRetention(t.Context(), owner, "events", events, over); err != nil {
			t.Fatal(err)
		}
	}
	set(0, true) // for ever
	if n := dropped(); n != 0 {
		t.Errorf("%d partitions were dropped that are to be kept for ever", n)
	}
	set(90*day, true)
	set(50*day, false) // it is set already
	if n := dropped(); n < 9 || n > 11 {
		t.Errorf("%d of 10 partitions were dropped that are older than the setting", n)
	}
	set(50*day, true)
	if n := dropped(); n < 39 || n > 41 {
		t.Errorf("%d of 40 partitions were dropped after the setting was changed", n)
	}
	set(41*day, true)
	if err := schema.SetRetention(t.Context(), env.AppDB, "events", 41*day,
		true); !denied(errors.Unwrap(err)) {
		t.Errorf("a role that is not the owner sets it: %v", err)
	}
}

// TestRowsOfOddTimesMakeNoPartitions puts rows of years that no event is of into the default
// partition: they stay there, and those that a partition is made for move.
func TestRowsOfOddTimesMakeNoPartitions(t *testing.T) {
	env := stacktest.New(t)
	if _, err := env.DB.Exec(`INSERT INTO tenants (name) VALUES ('acme');
		INSERT INTO events (id, tenant, feature, tokens, created_at)
		SELECT gen_random_uuid(), 'acme', 'x', 1, at
		FROM unnest(ARRAY['1970-01-01Z', '9999-01-01Z', '2020-01-05Z']::timestamptz[]) AS at`); err != nil {
		t.Fatal(err)
	}
	if _, err := env.AppDB.Exec("SELECT create_partitions('events', now(), now())"); err != nil {
		t.Fatal(err)
	}
	var left string
	if err := env.DB.Get(&left,
		"SELECT string_agg(to_char(created_at, 'YYYY'), ' ' ORDER BY created_at) FROM "+
			"events_default"); err != nil || left != "1970 9999" {
		t.Errorf("in the default partition are rows of %q, %v", left, err)
	}
}
