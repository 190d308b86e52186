package schema_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	schema "github.com/eduardosanzb/flagmeter/sql"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// older is a database whose schema has the first n migrations, and its owner's pool.
func older(t *testing.T, n int) (*stacktest.Env, *sqlx.DB) {
	t.Helper()
	env := stacktest.New(t)
	if _, err := env.DB.Exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	if _, err := env.DB.Exec(schema.Roles); err != nil {
		t.Fatal(err)
	}
	owner, err := sqlx.Open("postgres", env.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Close() })
	if n > 0 {
		if err := schema.MigrateTo(t.Context(), owner, n); err != nil {
			t.Fatal(err)
		}
	}
	return env, owner
}

// TestMigratorsWaitForEachOther runs several at once, each with connections of its own.
func TestMigratorsWaitForEachOther(t *testing.T) {
	env, _ := older(t, 0)
	var wait sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range 6 {
		wait.Go(func() {
			db, err := sqlx.Open("postgres", env.OwnerURL)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			applied, err := schema.Migrate(t.Context(), db)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			total += applied
		})
	}
	wait.Wait()
	var want int
	if err := env.DB.Get(&want, "SELECT count(*) FROM schema_migrations"); err != nil ||
		total != want || want == 0 {
		t.Errorf("%d migrations were applied, recorded are %d, %v", total, want, err)
	}
	if err := schema.Check(t.Context(), env.DB); err != nil {
		t.Error(err)
	}
}

// TestRollupsBecomePartitionsAsTheyAre migrates rollups that have rows, while somebody adds to
// them as the version before does.
func TestRollupsBecomePartitionsAsTheyAre(t *testing.T) {
	env, owner := older(t, 7)
	if _, err := env.DB.Exec(`INSERT INTO tenants (name) VALUES ('acme');
		INSERT INTO rollups
		SELECT 'acme', 'chat', timestamptz '2025-01-01Z' + n * interval '7 hours', 1, 1
		FROM generate_series(0, 1999) AS n;
		INSERT INTO rollups VALUES ('acme', 'chat', now() + interval '5 minutes', 1, 1)`); err != nil {
		t.Fatal(err)
	}
	var before uint32
	if err := env.DB.Get(&before,
		"SELECT relfilenode FROM pg_class WHERE relname = 'rollups'"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var added int
	var longest time.Duration
	written := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			start := time.Now()
			_, err := env.AppDB.Exec(`INSERT INTO rollups AS r (tenant, feature, minute, total_tokens, events) VALUES ('acme', 'chat', '2025-01-01Z', 1, 1), ('acme', 'live', date_trunc('minute', now()), 1, 1)
				ON CONFLICT (tenant, feature, minute) DO UPDATE SET total_tokens = r.total_tokens + excluded.total_tokens, events = r.events + excluded.events, updated_at = now()`)
			if err != nil {
				written <- err
				return
			}
			added++
			longest = max(longest, time.Since(start))
		}
		written <- nil
	}()
	if applied, err := schema.Migrate(t.Context(), owner); err != nil || applied == 0 {
		t.Fatalf("%d migrations, %v", applied, err)
	}
	stop()
	if err := <-written; err != nil {
		t.Errorf("a write failed meanwhile: %v", err)
	}
	t.Logf("%d writes meanwhile, the longest took %s", added, longest)
	var sum int
	if err := env.DB.Get(&sum, "SELECT sum(total_tokens) FROM rollups"); err != nil ||
		sum != 2001+2*added {
		t.Errorf("%d tokens, want %d, %v", sum, 2001+2*added, err)
	}
	var after uint32
	if err := env.DB.Get(&after,
		"SELECT relfilenode FROM pg_class WHERE relname = 'rollups_before'"); err != nil ||
		after != before {
		t.Errorf("the table was written anew, or %v", err)
	}
	// The next months get their partitions, and what is there is found by the planner.
	if _, err := env.AppDB.Exec("SELECT create_partitions('rollups', now(), now() + interval '100 " +
		"days')"); err != nil {
		t.Fatal(err)
	}
	var strays, partitions int
	if err := env.DB.QueryRow(`SELECT (SELECT count(*) FROM rollups_default), (SELECT count(*)
		FROM partitions_of('rollups'))`).Scan(&strays, &partitions); err != nil || strays != 0 || partitions < 2 {
		t.Errorf("%d rows in the default partition of %d, %v", strays, partitions, err)
	}
}

// TestAMigrationGivesWayAndTriesAgain holds what a migration needs.
func TestAMigrationGivesWayAndTriesAgain(t *testing.T) {
	env, owner := older(t, 7)
	reader, err := env.DB.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback()
	if _, err := reader.Exec("LOCK TABLE rollups IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { _, err := schema.Migrate(t.Context(), owner); done <- err }()
	// It is seen waiting, gives up, and is seen no more: only then the reader lets go.
	for _, want := range []bool{true, false} {
		deadline := time.Now().Add(20 * time.Second)
		for waits := !want; waits != want; {
			if time.Now().After(deadline) {
				t.Fatalf("waits: %v after 20 s", waits)
			}
			if err := env.DB.Get(&waits,
				"SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'rollups'::regclass "+
					"AND mode = 'AccessExclusiveLock')"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
