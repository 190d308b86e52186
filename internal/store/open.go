package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// QueryTimeout is how long a role waits for a word from Postgres, above what any statement
// of a role takes (10 s at most, by their own limits).
const QueryTimeout = 15 * time.Second

// LongQueryTimeout is the same for what reads days of events: an audit, and a recovery from lost
// writes. A million events take about a second, and a day can have 86 million.
const LongQueryTimeout = 15 * time.Minute

// Open returns a pool for a DATABASE_URL with at most maxConns connections. It does
// not connect: ingest starts while Postgres is away. A statement fails, and its
// connection is given up, when Postgres is silent for that long; 0 waits forever.
func Open(databaseURL string, maxConns int, silence time.Duration) (*sqlx.DB, error) {
	u, err := url.Parse(databaseURL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("DATABASE_URL must look like postgres://user:password@host:5432/database")
	}
	query := u.Query()
	for name, value := range map[string]string{
		"connect_timeout": "5", "application_name": "flagmeter",
	} {
		if query.Get(name) == "" {
			query.Set(name, value)
		}
	}
	u.RawQuery = query.Encode()
	connector, err := pq.NewConnector(u.String())
	if err != nil {
		return nil, fmt.Errorf("open postgres: DATABASE_URL: %w", err)
	}
	connector.Dialer(dialer{limit: silence})
	db := sqlx.NewDb(sql.OpenDB(connector), "postgres")
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	return db, nil
}
