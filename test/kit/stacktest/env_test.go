package stacktest_test

import (
	"fmt"
	"testing"

	schema "github.com/eduardosanzb/flagmeter/sql"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestNewGivesEachTestItsOwnMigratedStores(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			env := stacktest.New(t)
			ctx := t.Context()
			if err := schema.Check(ctx, env.DB); err != nil {
				t.Error(err)
			}
			if _, err := env.DB.ExecContext(ctx, `CREATE TABLE mine (n int)`); err != nil {
				t.Errorf("the database is not the test's own: %v", err)
			}
			n, err := env.Valkey.Incr(ctx, "mine").Result()
			if err != nil || n != 1 {
				t.Errorf("the Valkey database is not empty: INCR = %d, %v", n, err)
			}
			if env.Stack != nil {
				t.Error("New lets a test stop the servers of the others")
			}
		})
	}
}

func TestNewLeavesNothingBehind(t *testing.T) {
	var name string
	t.Run("inner", func(t *testing.T) {
		env := stacktest.New(t)
		if err := env.DB.GetContext(t.Context(), &name, `SELECT current_database()`); err != nil {
			t.Fatal(err)
		}
		if err := env.Valkey.Set(t.Context(), "left", "over", 0).Err(); err != nil {
			t.Fatal(err)
		}
	})
	env := stacktest.New(t) // gets the Valkey number that the inner test gave back
	var exists bool
	if err := env.DB.GetContext(t.Context(), &exists,
		`SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name); err != nil {
		t.Fatal(err)
	}
	if exists {
		t.Errorf("database %s is still there", name)
	}
	if n, err := env.Valkey.DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("Valkey database has %d keys, %v", n, err)
	}
}

func TestOwnServersCanBeKilled(t *testing.T) {
	env := stacktest.Own(t)
	ctx := t.Context()
	if err := schema.Check(ctx, env.DB); err != nil {
		t.Error(err)
	}
	env.Stack.Valkey.Kill()
	if err := env.Valkey.Ping(ctx).Err(); err == nil {
		t.Error("Valkey answers after it was killed")
	}
	if err := env.Stack.Valkey.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := env.Valkey.Ping(ctx).Err(); err != nil {
		t.Errorf("Valkey does not answer its old client after the restart: %v", err)
	}
}
