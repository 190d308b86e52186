// Package schema holds the database schema as numbered migrations and applies or
// checks them. The files in migrations/ are the only place where tables are defined.
//
// Roles do not migrate, unless MIGRATE_ON_START says so: they call Check at start-up and
// refuse to run on an older schema, naming the command that brings it up to date.
package schema

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	migrate "github.com/rubenv/sql-migrate"
)

//go:embed migrations/*.sql
var files embed.FS

// Roles makes the roles that FlagMeter runs as, with no more rights than they need. It is for
// an administrator of Postgres, see its first lines.
//
//go:embed roles.sql
var Roles string

//go:embed grants.sql
var grants string

// table is where the applied migrations are recorded.
const table = "schema_migrations"

// lockKey is the advisory lock that makes concurrent migrators wait for each other.
const lockKey = 0x666c61676d657465 // "flagmete"

// ErrOutdated reports a database that lacks migrations this program needs.
var ErrOutdated = errors.New("database schema is older than this program: run `flagmeter migrate`")

func source() migrate.MigrationSource {
	return migrate.EmbedFileSystemMigrationSource{FileSystem: files, Root: "migrations"}
}

// Migrate applies the missing migrations, each in a transaction of its own, and
// returns how many there were. Then it grants the roles of [Roles] what they need, if they
// exist. Concurrent callers wait for each other.
func Migrate(ctx context.Context, db *sqlx.DB) (applied int, err error) {
	conn, err := db.Connx(ctx)
	if err != nil {
		return 0, fmt.Errorf("connect to migrate: %w", err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", lockKey); err != nil {
		return 0, fmt.Errorf("wait for other migrators: %w", err)
	}
	defer func() {
		_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", lockKey)
		err = errors.Join(err, unlockErr)
	}()
	applied, err = apply(ctx, db)
	if err != nil {
		return applied, fmt.Errorf("apply migrations: %w", err)
	}
	return applied, grant(ctx, conn)
}

// A migration waits up to its lock_timeout for those who use a table, because others wait
// behind it. After that it lets them go on, and is tried again.
const (
	lockAttempts = 100
	lockPause    = 2 * time.Second
)

// apply applies the missing migrations.
func apply(ctx context.Context, db *sqlx.DB) (applied int, err error) {
	set := migrate.MigrationSet{TableName: table}
	for attempt := 1; ; attempt++ {
		n, err := set.ExecContext(ctx, db.DB, "postgres", source(), migrate.Up)
		applied += n
		if attempt == lockAttempts || !lockedOut(err) {
			return applied, err
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return applied, ctx.Err()
		}
	}
}

// lockedOut reports whether a migration gave up waiting for a lock.
func lockedOut(err error) bool {
	var failed *migrate.TxError // which does not unwrap
	if errors.As(err, &failed) {
		err = failed.Err
	}
	var refusal *pq.Error
	return errors.As(err, &refusal) && refusal.Code.Name() == "lock_not_available"
}

// grant applies grants.sql, as one transaction: nobody loses a right that is granted again.
func grant(ctx context.Context, conn *sqlx.Conn) error {
	var roles int
	if err := conn.GetContext(ctx, &roles, "SELECT count(*) FROM pg_roles WHERE rolname IN ('flagmeter_app', 'flagmeter_ingest')"); err != nil {
		return fmt.Errorf("look for the roles: %w", err)
	}
	if roles < 2 {
		return nil
	}
	if _, err := conn.ExecContext(ctx, grants); err != nil {
		return fmt.Errorf("grant the roles their rights: %w", err)
	}
	return nil
}

// Check returns ErrOutdated if the database lacks a migration of this program. A
// newer database is fine: migrations keep working for the version before them.
func Check(ctx context.Context, db *sqlx.DB) error {
	want, err := source().FindMigrations()
	if err != nil {
		return fmt.Errorf("read embedded migrations: %w", err)
	}
	var exists bool
	if err := db.GetContext(ctx, &exists, "SELECT to_regclass($1) IS NOT NULL", table); err != nil {
		return fmt.Errorf("look for the migrations table: %w", err)
	}
	if !exists {
		return ErrOutdated
	}
	var have []string
	if err := db.SelectContext(ctx, &have, "SELECT id FROM "+table); err != nil {
		return fmt.Errorf("read applied migrations: %w", err)
	}
	applied := make(map[string]bool, len(have))
	for _, id := range have {
		applied[id] = true
	}
	for _, m := range want {
		if !applied[m.Id] {
			return fmt.Errorf("%w (missing %s)", ErrOutdated, m.Id)
		}
	}
	return nil
}

// Unknown are the migrations that the database has and this program does not know: those of a
// newer version.
func Unknown(ctx context.Context, db *sqlx.DB) ([]string, error) {
	known, err := source().FindMigrations()
	if err != nil {
		return nil, fmt.Errorf("read embedded migrations: %w", err)
	}
	ids := make([]string, len(known))
	for i, m := range known {
		ids[i] = m.Id
	}
	var unknown []string
	if err := db.SelectContext(ctx, &unknown, "SELECT id FROM "+table+" WHERE id <> ALL ($1) ORDER BY id", pq.Array(ids)); err != nil {
		return nil, fmt.Errorf("read applied migrations: %w", err)
	}
	return unknown, nil
}
