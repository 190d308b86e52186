package backup

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// filled is a database with 3,000 events of three tenants over three hours, all settled, and
// one row in most of the other tables.
func filled(t *testing.T) *stacktest.Env {
	t.Helper()
	env := stacktest.New(t)
	for _, statement := range []string{
		"INSERT INTO tenants (name) VALUES ('acme'), ('globex'), ('Łódź')",
		`INSERT INTO events (id, tenant, feature, tokens, created_at, idempotency_key)
			SELECT gen_random_uuid(), name, 'chat', 1000 + i, now() - interval '3 days' + i * interval
				'10 seconds', 'id-' || i FROM tenants, generate_series(1, 1000) i`,
		"INSERT INTO rollups SELECT tenant, feature, date_trunc('minute', created_at), sum(tokens)," +
			" count(*) FROM events GROUP BY 1, 2, 3",
		"INSERT INTO usage_daily SELECT tenant, (minute AT TIME ZONE 'UTC')::date, feature," +
			" sum(total_tokens), sum(events) FROM rollups GROUP BY 1, 2, 3",
		`INSERT INTO flushes (id, shard, kind, seq, rows, tokens, drained)
			VALUES ('00000000-0000-7000-8000-000000000000', 0, 'raw', 41, 3000, 0, false),
			('ffffffff-ffff-7fff-8000-000000000000', 0, 'sum', 42, 0, 0, true)`,
		// Random ids are not those of arrival: they all came before.
		"UPDATE events SET id = overlay(id::text placing '00000000-0000-7' from 1 for 15)::uuid",
	} {
		if _, err := env.DB.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return env
}

// made is a directory with one backup of the database.
func made(t *testing.T, env *stacktest.Env) (directory, Manifest) {
	t.Helper()
	d := directory{filepath.Join(t.TempDir(), "backups")}
	return d, makeOne(t, env, d)
}

func makeOne(t *testing.T, env *stacktest.Env, target Target) Manifest {
	t.Helper()
	m, err := Source{URL: env.OwnerURL, Program: "v1"}.Make(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// administrator is the address of env's database for whoever may create others on its server.
func administrator(tb testing.TB, env *stacktest.Env) string {
	tb.Helper()
	u, err := url.Parse(env.OwnerURL)
	if err != nil {
		tb.Fatal(err)
	}
	var name string
	if err := env.DB.Get(&name, "SELECT current_user"); err != nil {
		tb.Fatal(err)
	}
	password, _ := u.User.Password() // all have the same
	u.User = url.UserPassword(name, password)
	return u.String()
}

// empty is a new database on the server of env, for its administrator.
func empty(t *testing.T, env *stacktest.Env) string {
	t.Helper()
	database, drop, err := scratch(t.Context(), administrator(t, env))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return database
}

// change overwrites a byte in the middle of a file.
func change(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 0xff
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// count runs a query that returns one number.
func count(t *testing.T, databaseURL, query string) int64 {
	t.Helper()
	db, err := store.Open(databaseURL, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int64
	if err := db.Get(&n, query); err != nil {
		t.Fatal(err)
	}
	return n
}
