package store

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // the driver "postgres"
)

// Open returns a pool for a DATABASE_URL with at most maxConns connections. It does
// not connect: ingest starts while Postgres is away.
func Open(databaseURL string, maxConns int) (*sqlx.DB, error) {
	u, err := url.Parse(databaseURL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("DATABASE_URL must look like postgres://user:password@host:5432/database")
	}
	query := u.Query()
	for name, value := range map[string]string{"connect_timeout": "5", "application_name": "flagmeter"} {
		if query.Get(name) == "" {
			query.Set(name, value)
		}
	}
	u.RawQuery = query.Encode()
	db, err := sqlx.Open("postgres", u.String())
	if err != nil {
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	return db, nil
}
