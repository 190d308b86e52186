package stacktest

import (
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/stack"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// Env is a pair of stores for one test. The clients may be used from several goroutines and
// are closed when the test is over.
type Env struct {
	DB          *sqlx.DB
	DatabaseURL string
	// Valkey does not retry by itself, as in production.
	Valkey    *redis.Client
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
	s, err := stack.Start(tb.Context(), stack.Options{Valkey: true, Postgres: true, Fast: true})
	if err != nil {
		tb.Fatalf("start the test's own stores: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Errorf("stop the test's own stores: %v", err)
		}
	})
	env := connect(tb, s.DatabaseURL, s.ValkeyURL)
	env.Stack = s
	if _, err := schema.Migrate(tb.Context(), env.DB); err != nil {
		tb.Fatal(err)
	}
	return env
}

// connect opens the clients. It is called after the cleanup of what they use is registered,
// so that they are closed before.
func connect(tb testing.TB, databaseURL, valkeyURL string) *Env {
	tb.Helper()
	db, err := sqlx.Open("postgres", databaseURL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	client, err := newClient(valkeyURL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { client.Close() })
	return &Env{DB: db, DatabaseURL: databaseURL, Valkey: client, ValkeyURL: valkeyURL}
}

func newClient(url string) (*redis.Client, error) {
	opt, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	opt.MaxRetries = -1
	return redis.NewClient(opt), nil
}
