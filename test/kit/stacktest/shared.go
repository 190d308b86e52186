package stacktest

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"
)

// template is the migrated database that those of the tests are copied from.
const template = "template_flagmeter"

// numbers is how many databases Valkey has; 0 is not given out, so that a client that lost
// its number is seen at once.
const numbers = 4096

// servers is what the tests of one binary share.
type servers struct {
	databaseURL, valkeyURL *url.URL
	admin                  *sqlx.DB // of database postgres

	mu   sync.Mutex
	next int   // the next database to create
	free []int // Valkey database numbers not in use
}

// shared starts the servers at its first call. They stop when the test binary ends.
var shared = sync.OnceValues(func() (*servers, error) {
	ctx := context.Background()
	st, err := start(ctx)
	if err != nil {
		return nil, err
	}
	s := &servers{}
	if s.databaseURL, err = url.Parse(st.DatabaseURL); err != nil {
		return nil, fmt.Errorf("read the address of Postgres: %w", err)
	}
	if s.valkeyURL, err = url.Parse(st.ValkeyURL); err != nil {
		return nil, fmt.Errorf("read the address of Valkey: %w", err)
	}
	for n := numbers - 1; n > 0; n-- {
		s.free = append(s.free, n)
	}
	if s.admin, err = sqlx.Open("postgres", s.database("postgres")); err != nil {
		return nil, fmt.Errorf("open Postgres: %w", err)
	}
	s.admin.SetMaxOpenConns(2)
	if _, err := s.admin.ExecContext(ctx, "CREATE DATABASE "+template); err != nil {
		return nil, fmt.Errorf("create the template database: %w", err)
	}
	if err := migrate(ctx, s.database(template)); err != nil {
		return nil, fmt.Errorf("migrate the template database: %w", err)
	}
	return s, nil
})

// database is the address of a database by name.
func (s *servers) database(name string) string {
	u := *s.databaseURL
	u.Path = "/" + name
	return u.String()
}

// newDatabase copies the template and returns the address of the copy, which is dropped when
// the test is over.
func (s *servers) newDatabase(tb testing.TB) string {
	tb.Helper()
	s.mu.Lock()
	s.next++
	name := fmt.Sprintf("test_%d", s.next)
	s.mu.Unlock()
	if _, err := s.admin.ExecContext(tb.Context(),
		"CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		tb.Fatalf("create the test's database: %v", err)
	}
	tb.Cleanup(func() {
		// FORCE: a test that left a connection open must not keep the others from going on.
		if _, err := s.admin.ExecContext(context.Background(),
			"DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("drop the test's database: %v", err)
		}
	})
	return s.database(name)
}

// newNumber returns the address of an empty Valkey database, which is emptied and given to
// another test when this one is over.
func (s *servers) newNumber(tb testing.TB) string {
	tb.Helper()
	s.mu.Lock()
	if len(s.free) == 0 {
		s.mu.Unlock()
		tb.Fatalf("more than %d tests use Valkey at the same time", numbers-1)
	}
	n := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	s.mu.Unlock()
	u := *s.valkeyURL
	u.Path = fmt.Sprintf("/%d", n)
	address := u.String()
	tb.Cleanup(func() {
		if err := flush(address); err != nil {
			tb.Errorf("empty the test's Valkey database: %v", err)
			return // do not hand on what may be full
		}
		s.mu.Lock()
		s.free = append(s.free, n)
		s.mu.Unlock()
	})
	return address
}

func flush(address string) error {
	client, err := newClient(address)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.FlushDB(context.Background()).Err()
}
