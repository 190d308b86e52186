package stacktest

import (
	"fmt"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// ForgetTenants removes tenants from Postgres as its administrator, which the schema lets nobody
// do, and leaves all else as it is: for tests of what happens where a tenant is missing
// nevertheless.
func ForgetTenants(tb testing.TB, db *sqlx.DB, names ...string) {
	tb.Helper()
	tx, err := db.Beginx()
	if err != nil {
		tb.Fatal(err)
	}
	defer tx.Rollback() // does nothing after Commit
	for _, statement := range []string{
		"SET LOCAL session_replication_role = replica", // no triggers, and no foreign keys
		"DELETE FROM tenant_names WHERE tenant = ANY ($1)",
		"DELETE FROM kept_features WHERE tenant = ANY ($1)",
		"DELETE FROM tenants WHERE name = ANY ($1)",
		"UPDATE tenants_version SET version = version + 1",
	} {
		var args []any
		if statement[:6] == "DELETE" {
			args = []any{pq.Array(names)}
		}
		if _, err := tx.Exec(statement, args...); err != nil {
			tb.Fatal(fmt.Errorf("%s: %w", statement, err))
		}
	}
	if err := tx.Commit(); err != nil {
		tb.Fatal(err)
	}
}
