package command

import (
	"cmp"
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/store"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// Env is what a command gets from outside, besides its arguments, its context and its
// standard streams.
type Env struct {
	// Getenv returns a variable of the environment, "" if it is not set.
	Getenv func(string) string
	// Build is what the program was built from.
	Build Build
}

// poolSize is the most Postgres connections of a process. The alerter uses the most: a
// comparison, and its deliveries beside that. Migrations need two.
const poolSize = 8

// openDatabase opens the database of DATABASE_URL for a command that is not a role.
func (e Env) openDatabase() (*sqlx.DB, error) {
	cfg, err := config.Load(e.Getenv, "DATABASE_URL")
	if err != nil {
		return nil, err
	}
	return store.Open(string(cfg.DatabaseURL), poolSize, 0)
}

// openOwned opens the same database as the owner of its schema.
func (e Env) openOwned() (*sqlx.DB, error) {
	cfg, err := e.ownedSettings()
	if err != nil {
		return nil, err
	}
	return store.Open(cfg.owned(), poolSize, 0)
}

// owned are settings of which one names the owner of the schema.
type owned struct{ config.Config }

// owned is the address of the database as its owner, with the password.
func (o owned) owned() string { return string(cmp.Or(o.MigrateDatabaseURL, o.DatabaseURL)) }

// ownedSettings reads the settings for a command that works as the owner of the schema.
func (e Env) ownedSettings() (owned, error) {
	required := "DATABASE_URL"
	if e.Getenv("MIGRATE_DATABASE_URL")+e.Getenv("MIGRATE_DATABASE_URL_FILE") != "" {
		required = "MIGRATE_DATABASE_URL"
	}
	cfg, err := config.Load(e.Getenv, required)
	return owned{cfg}, err
}

// openMigrated is openDatabase with a schema that is up to date.
func (e Env) openMigrated(ctx context.Context) (*sqlx.DB, error) {
	db, err := e.openDatabase()
	if err != nil {
		return nil, err
	}
	if err := schema.Check(ctx, db); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}
