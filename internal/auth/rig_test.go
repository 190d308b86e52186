package auth

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/clock"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// noon is the time of a rig until a test moves it.
var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// rig is a directory and a gate on stores of the test's own.
type rig struct {
	testing.TB
	env *stacktest.Env
	*clock.Clock
	valkey *scripts.Valkey
	dir    *Directory
	gate   *Gate
}

func newRig(t testing.TB, env *stacktest.Env) *rig {
	t.Helper()
	r := &rig{TB: t, env: env, Clock: clock.At(noon), valkey: scripts.New(env.AppValkey, 1)}
	if _, err := env.DB.Exec("INSERT INTO tenants (name) VALUES ('acme'), ('globex')"); err != nil {
		t.Fatal(err)
	}
	r.dir = r.another()
	r.gate = NewGate(r.dir, nil, "")
	r.start(r.dir)
	return r
}

// another is the directory of another process.
func (r *rig) another() *Directory {
	return NewDirectory(r.env.AppDB, r.valkey, slog.New(slog.DiscardHandler), r.Now)
}

func (r *rig) start(d *Directory) {
	r.Helper()
	if err := d.Start(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// create makes a key that is in force at once.
func (r *rig) create(k NewKey) (key string, id uuid.UUID) {
	r.Helper()
	key, stored, err := Create(r.Context(), r.env.AppDB, k, r.Now())
	if err != nil {
		r.Fatal(err)
	}
	r.look(r.dir)
	return key, stored.ID
}

// look is what Keep does each second, with whichever store answers.
func (r *rig) look(d *Directory) {
	ctx, cancel := context.WithTimeout(r.Context(), waittest.Patience)
	defer cancel()
	_, _ = d.refresh(ctx), d.sync(ctx)
}

// knows reports whether a directory takes a key.
func knows(d *Directory, key string) bool { return d.find(key) != nil }

func (r *rig) stored(id uuid.UUID) store.APIKey {
	r.Helper()
	k, err := store.FindAPIKey(r.Context(), r.env.DB, id, nil)
	if err != nil {
		r.Fatal(err)
	}
	return k
}

// ask is a request with an Authorization header, or without one for "".
func ask(method, authorization string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "https://meter.example.com/usage/acme", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}
