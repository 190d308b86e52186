// Package backendtest makes the backend of the API's rooms on a test's stores. It imports none of
// the rooms, so their own tests can use it.
package backendtest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// Of returns a backend on these stores that logs nothing and has read nothing yet.
func Of(db *sqlx.DB, v *scripts.Valkey, now func() time.Time) backend.Backend {
	b := backend.Backend{DB: db, Valkey: v, Now: now, Log: slog.New(slog.DiscardHandler),
		Currency: "USD"}
	b.Tenants = tenants.New(db, v, b.Log)
	b.Live = usage.New(db, v, b.Tenants, now)
	return b
}

// New returns a backend with the accounts of the program on the stores of env, after it has read
// tenants and usage once.
func New(tb testing.TB, env *stacktest.Env, now func() time.Time) backend.Backend {
	tb.Helper()
	b := Of(env.AppDB, Connect(tb, env.ValkeyURL, 1), now)
	if err := b.Tenants.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	if err := b.Live.Refresh(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return b
}

// Connect connects to Valkey as a role does, until the test ends.
func Connect(tb testing.TB, url string, shards int) *scripts.Valkey {
	tb.Helper()
	client, err := valkey.Connect(url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { client.Close() })
	return scripts.New(client, shards)
}
