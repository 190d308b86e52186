package schema_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	schema "github.com/eduardosanzb/flagmeter/sql"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func mustExec(t *testing.T, db *sqlx.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// TestAnEditThatWouldLoseUsageIsRefused tries what an operator might write into tenants while
// usage lies in Valkey under the key, as the administrator, whom no rights hold back.
func TestAnEditThatWouldLoseUsageIsRefused(t *testing.T) {
	env := stacktest.New(t)
	mustExec(t, env.DB, "INSERT INTO tenants (name) VALUES ('acme'), ('globex')")
	mustExec(t, env.DB, "UPDATE tenants SET display_name = 'acme-corp' WHERE name = 'acme'")
	for statement, hint := range map[string]string{
		"UPDATE tenants SET name = 'acme2' WHERE name = 'acme'": "flagmeter tenants " +
			"rename 'acme' 'acme2'",
		"UPDATE tenants SET name = 'it''s' WHERE name = 'acme'": "flagmeter tenants " +
			"rename 'acme' 'it''s'",
		"UPDATE tenants SET id = gen_random_uuid() WHERE name = 'acme'": "flagmeter tenants " +
			"rename",
		"DELETE FROM tenants WHERE name = 'globex'": "flagmeter tenants " +
			"set 'globex' --archive",
		"TRUNCATE tenants CASCADE":                     "",
		"DELETE FROM tenant_names WHERE name = 'acme'": "",
		// it is the one shown
		"DELETE FROM tenant_names WHERE name = 'acme-corp'":                        "",
		"UPDATE tenant_names SET tenant = 'globex' WHERE name = 'acme-corp'":       "",
		"UPDATE tenant_names SET name = 'acme2' WHERE name = 'acme-corp'":          "",
		"TRUNCATE tenant_names CASCADE":                                            "",
		"INSERT INTO tenants (name) VALUES ('acme-corp')":                          "",
		"UPDATE tenants SET display_name = 'acme-corp' WHERE name = 'globex'":      "",
		"UPDATE tenants SET display_name = 'acme' WHERE name = 'globex'":           "",
		"INSERT INTO tenants (name, display_name) VALUES ('initech', 'globex')":    "",
		"INSERT INTO tenants (name) VALUES ('shop ')":                              "",
		"INSERT INTO tenants (name) VALUES (U&'\\200Bshop')":                       "",
		"INSERT INTO tenants (name) VALUES ('*')":                                  "",
		"UPDATE tenants SET display_name = '*' WHERE name = 'globex'":              "",
		"INSERT INTO tenant_names (name, tenant) VALUES ('*', 'globex')":           "",
		"INSERT INTO tenants (name) VALUES (U&'cafe\\0301')":                       "",
		"UPDATE tenants SET display_name = U&'sh\\202Eop' WHERE name = 'globex'":   "",
		"UPDATE tenants SET display_name = '..' WHERE name = 'globex'":             "",
		"UPDATE tenants SET display_name = repeat('a', 129) WHERE name = 'globex'": "",
	} {
		_, err := env.DB.Exec(statement)
		var refused *pq.Error
		if !errors.As(err, &refused) || refused.Code.Class() != "23" {
			t.Errorf("%s: %v, want a refusal", statement, err)
			continue
		}
		if !strings.Contains(refused.Hint, hint) {
			t.Errorf("%s: the hint is %q, want %q in it", statement, refused.Hint, hint)
		}
	}
	var all string
	if err := env.DB.Get(&all,
		"SELECT string_agg(name || '>' || tenant, ' ' ORDER BY name) FROM tenant_names"); err != nil ||
		all != "acme>acme acme-corp>acme globex>globex" {
		t.Errorf("the names are %s, %v", all, err)
	}
	// What operators do every day works as before.
	mustExec(t, env.DB, "UPDATE tenants SET monthly_quota = 5, name = name, archived_at = now()")
	mustExec(t, env.DB, "INSERT INTO tenants (name, display_name) VALUES ('initech', 'Initech GmbH')")
	// An alias that is shown no more can be freed.
	mustExec(t, env.DB, "UPDATE tenants SET display_name = NULL WHERE name = 'acme'")
	mustExec(t, env.DB, "DELETE FROM tenant_names WHERE name = 'acme-corp'")
	mustExec(t, env.DB, "INSERT INTO tenants (name) VALUES ('acme-corp')")
}

// TestANameHasOneTenantWhoeverRaces lets tenants be renamed to a name while others are added
// under it: one of them has it at the end.
func TestANameHasOneTenantWhoeverRaces(t *testing.T) {
	env := stacktest.New(t)
	const rounds, racers = 10, 6
	for n := range racers {
		mustExec(t, env.DB, "INSERT INTO tenants (name) VALUES ($1)", fmt.Sprintf("t%d", n))
	}
	for round := range rounds {
		name := fmt.Sprintf("name-%d", round)
		var wait sync.WaitGroup
		results := make([]error, racers)
		for n := range racers {
			wait.Go(func() {
				if n%2 == 0 {
					_, results[n] = env.AppDB.Exec("UPDATE tenants SET display_name = $1 WHERE name = $2", name,
						fmt.Sprintf("t%d", n))
				} else { // as the version before does, of which one row for all is right
					_, results[n] = env.AppDB.Exec("INSERT INTO tenants (name) VALUES ($1)", name)
				}
			})
		}
		wait.Wait()
		won := 0
		for n, err := range results {
			var refused *pq.Error
			switch {
			case err == nil:
				won++
			case !errors.As(err, &refused) || refused.Code != "23505":
				t.Errorf("racer %d: %v, want a unique violation", n, err)
			}
		}
		var owners int
		if err := env.DB.Get(&owners, "SELECT count(*) FROM tenants WHERE name = $1 OR display_name = $1",
			name); err != nil || won != 1 || owners != 1 {
			t.Errorf("%s: %d have won, %d tenants have it, %v", name, won, owners, err)
		}
	}
}

// before is how many migrations come before the one with that number.
func before(t *testing.T, number string) (n int) {
	t.Helper()
	all, err := fs.ReadDir(schema.Files, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		if file.Name() < number {
			n++
		}
	}
	return n
}

// TestNamesFromBeforeAreKept migrates tenants and features whose names are refused now.
func TestNamesFromBeforeAreKept(t *testing.T) {
	env, owner := older(t, before(t, "0015"))
	mustExec(t, env.DB, `INSERT INTO tenants (name) VALUES ('shop'), ('shop '), (U&'\200Bshop');
		INSERT INTO usage_daily (tenant, day, feature, total_tokens, events)
		SELECT t, '2026-11-01', f, 1, 1
		FROM unnest(ARRAY['shop', 'shop ']) t, unnest(ARRAY['chat', 'chat ', U&'cafe\0301', 'café', '日本 語']) f`)
	if _, err := schema.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	var names, features int
	if err := env.DB.QueryRowx("SELECT (SELECT count(*) FROM tenant_names WHERE name = tenant), "+
		"(SELECT count(*) FROM kept_features)").Scan(&names, &features); err != nil {
		t.Fatal(err)
	}
	if names != 3 || features != 4 {
		t.Errorf("%d names and %d features are kept, want 3 and 4", names, features)
	}
	mustExec(t, env.DB, "UPDATE tenants SET monthly_quota = 5; UPDATE tenants SET display_name = "+
		"'shop 2' WHERE name = 'shop '")
}

// TestATenantCalledAsAllAreGoesOn migrates a tenant that is called *, which no other may be.
func TestATenantCalledAsAllAreGoesOn(t *testing.T) {
	env, owner := older(t, before(t, "0017"))
	mustExec(t, env.DB, "INSERT INTO tenants (name) VALUES ('*'), ('acme')")
	if _, err := schema.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	mustExec(t, env.AppDB,
		"UPDATE tenants SET monthly_quota = 5, archived_at = now(), display_name = 'all' WHERE name = "+
			"'*'")
	mustExec(t, env.AppDB, "UPDATE tenants SET display_name = '*' WHERE name = '*'") // its own
	// What Valkey brings back after a restore has counted usage.
	stacktest.ForgetTenants(t, env.DB, "*")
	if _, err := env.AppDB.Exec("INSERT INTO tenants (name) VALUES ('*')"); err == nil {
		t.Error("a new tenant is called *")
	}
	mustExec(t, env.AppDB,
		"BEGIN; SET LOCAL flagmeter.keep_names = 'on'; INSERT INTO tenants (name) VALUES ('*'); COMMIT")
}

// TestPostgresAndTheProgramRefuseTheSameNames compares their rules for every character.
func TestPostgresAndTheProgramRefuseTheSameNames(t *testing.T) {
	env := stacktest.New(t)
	for _, form := range []string{"a%sb", "%sb", "a%s", "%s"} {
		begin, end, _ := strings.Cut(form, "%s")
		var refused []int32
		if err := env.DB.Select(&refused, `SELECT n FROM generate_series(160, 1114111) AS n
			WHERE n NOT BETWEEN 55296 AND 57343 AND name_fault($1 || chr(n) || $2) IS NOT NULL ORDER BY n`, begin, end); err != nil {
			t.Fatal(err)
		}
		byPostgres := make(map[rune]bool, len(refused))
		for _, r := range refused {
			byPostgres[r] = true
		}
		for r := rune(160); r <= 0x10ffff; r++ {
			if r >= 0xd800 && r < 0xe000 {
				continue
			}
			name := fmt.Sprintf(form, string(r))
			if byProgram := meter.CheckLook(name) != "" ||
				meter.Normal(name) != name; byProgram != byPostgres[r] {
				t.Errorf("%U as %s: the program refuses it: %v, Postgres: %v", r, form, byProgram,
					byPostgres[r])
			}
		}
	}
	for _, plain := range []string{"a", "a b", "a-b_c.d/e", "~", "!"} {
		var fault *string
		if err := env.DB.Get(&fault, "SELECT name_fault($1)", plain); err != nil || fault != nil ||
			meter.CheckLook(plain) != "" {
			t.Errorf("%q is refused: %v, %v", plain, fault, err)
		}
	}
}
