package stacktest

import (
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/stack"
)

// Env is a pair of stores for one test. The clients may be used from several goroutines and
// are closed when the test is over.
type Env struct {
	// DB is the administrator's, who may do all that an operator does with plain SQL.
	DB *sqlx.DB
	// AppDB and AppValkey are what the program gets: they may do no more than it needs.
	AppDB     *sqlx.DB
	AppValkey *redis.Client
	// FlusherDB is what the flusher gets.
	FlusherDB *sqlx.DB
	// DatabaseURL names role flagmeter_ingest, which may do what sql/grants.sql says;
	// OwnerURL the owner of the schema.
	DatabaseURL, OwnerURL string
	// Valkey is the administrator's. It does not retry by itself, as in production.
	Valkey *redis.Client
	// ValkeyURL names the user of scripts/valkey.acl.
	ValkeyURL string
	// Stack is the test's own, for killing and restarting its servers; nil from New.
	Stack *stack.Stack
}

// New returns a migrated empty database and an empty Valkey database on the servers that all
// tests of this binary share. Tests may run in parallel. Valkey's settings and its script
// cache are shared: a test that changes them uses Own.
func New(tb testing.TB) *Env {
	tb.Helper()
	s, err := shared()
	if err != nil {
		tb.Fatalf("start the stores of this test binary: %v", err)
	}
	databaseURL := s.newDatabase(tb)
	valkeyURL := s.newNumber(tb)
	return connect(tb, databaseURL, valkeyURL)
}

// Own returns an Env on servers that nobody else uses, a second or so to start.
func Own(tb testing.TB) *Env {
	tb.Helper()
	s, err := start(tb.Context())
	if err != nil {
		tb.Fatalf("start the test's own stores: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Errorf("stop the test's own stores: %v", err)
		}
	})
	if err := migrate(tb.Context(), s.DatabaseURL); err != nil {
		tb.Fatal(err)
	}
	env := connect(tb, s.DatabaseURL, s.ValkeyURL)
	env.Stack = s
	return env
}

// connect opens the clients. It is called after the cleanup of what they use is registered,
// so that they are closed before.
func connect(tb testing.TB, databaseURL, valkeyURL string) *Env {
	tb.Helper()
	env := &Env{DatabaseURL: as(databaseURL, postgresRole), OwnerURL: as(databaseURL, postgresOwns),
		ValkeyURL: as(valkeyURL, valkeyUser)}
	env.DB, env.AppDB, env.FlusherDB = open(tb, databaseURL), open(tb, env.DatabaseURL), open(tb,
		as(databaseURL, postgresMove))
	env.Valkey, env.AppValkey = client(tb, valkeyURL), client(tb, env.ValkeyURL)
	return env
}

func open(tb testing.TB, url string) *sqlx.DB {
	tb.Helper()
	db, err := sqlx.Open("postgres", url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return db
}

func client(tb testing.TB, url string) *redis.Client {
	tb.Helper()
	client, err := newClient(url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { client.Close() })
	return client
}

func newClient(url string) (*redis.Client, error) {
	opt, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	opt.MaxRetries = -1
	return redis.NewClient(opt), nil
}
