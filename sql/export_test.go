package schema

import (
	"context"

	"github.com/jmoiron/sqlx"
	migrate "github.com/rubenv/sql-migrate"
)

// MigrateTo applies the first n migrations, as a version did that had no others, and its grants.
func MigrateTo(ctx context.Context, db *sqlx.DB, n int) error {
	set := migrate.MigrationSet{TableName: table}
	if _, err := set.ExecMaxContext(ctx, db.DB, "postgres", source(), migrate.Up, n); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, `REVOKE ALL ON ALL TABLES IN SCHEMA public FROM flagmeter_app, flagmeter_ingest;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO flagmeter_app`)
	return err
}

// Files are the migrations.
var Files = files
