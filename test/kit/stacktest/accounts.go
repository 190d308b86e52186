package stacktest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/stack"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// The accounts that the addresses of an Env name. They may do what they may in production,
// and all have the administrator's password.
const (
	valkeyUser   = "flagmeter"
	postgresRole = "flagmeter_ingest" // flagmeter_app, and the hashes of API keys
	postgresOwns = "flagmeter_owner"
	postgresMove = "flagmeter_flusher" // flagmeter_app, and may drop what is no longer kept
)

// as is the address with another account.
func as(address, account string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err) // it was made by package stack
	}
	password, _ := u.User.Password()
	u.User = url.UserPassword(account, password)
	return u.String()
}

// start starts both servers with the accounts of production.
func start(ctx context.Context) (*stack.Stack, error) {
	_, here, _, _ := runtime.Caller(0)
	// Not embedded: scripts has tests that import this package.
	acl, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "..", "scripts",
		"valkey.acl"))
	if err != nil {
		return nil, fmt.Errorf("read the access list of Valkey: %w", err)
	}
	return stack.Start(ctx, stack.Options{Valkey: true, Postgres: true, Fast: true,
		ValkeyACL: string(acl)})
}

// migrate makes the roles, and the schema in the database at databaseURL as its owner.
func migrate(ctx context.Context, databaseURL string) error {
	if err := makeRoles(ctx, databaseURL); err != nil {
		return fmt.Errorf("make the roles of Postgres: %w", err)
	}
	db, err := sqlx.Open("postgres", as(databaseURL, postgresOwns))
	if err != nil {
		return fmt.Errorf("open Postgres: %w", err)
	}
	defer db.Close()
	_, err = schema.Migrate(ctx, db)
	return err
}

// makeRoles makes the roles of sql/roles.sql.
func makeRoles(ctx context.Context, address string) error {
	db, err := sqlx.Open("postgres", address)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, schema.Roles); err != nil {
		return err
	}
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	password, _ := u.User.Password() // hexadecimal
	_, err = db.ExecContext(ctx,
		fmt.Sprintf("ALTER ROLE %[1]s PASSWORD '%[4]s'; ALTER ROLE %[2]s PASSWORD '%[4]s'; ALTER ROLE "+
			"%[3]s PASSWORD '%[4]s'",
			postgresRole, postgresOwns, postgresMove, password))
	return err
}
