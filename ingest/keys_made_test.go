package ingest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// revoked is DELETE /keys/:id with a query; it fails the test unless so many keys that it has made
// are revoked and live on.
func (a *api) revoked(id uuid.UUID, query string, revoked, live int) {
	a.Helper()
	r := a.ask("DELETE", "/keys/"+id.String()+query)
	want := fmt.Sprintf("{\"id\":%q,\"madeRevoked\":%d,\"madeLive\":%d}\n", id, revoked, live)
	if r.status != 200 || r.body != want || r.header.Get("Cache-Control") != "no-store" {
		a.Errorf("DELETE %s: %d %s, want %s", query, r.status, r.body, want)
	}
}

func TestTheKeysOfAStolenKeyAreRevoked(t *testing.T) {
	a := guarded(t)
	operator := a.as(a.newKey("admin", ""))
	key, stolen := a.newKeyOf(auth.NewKey{Scope: "admin", Tenant: "acme"})
	thief := a.as(key)
	_, child := thief.createKey(`{"scope":"admin","tenant":"acme"}`)
	a.look()
	_, grandchild := a.as(child.Key).createKey(`{"scope":"ingest","tenant":"acme"}`)
	_, foreign := operator.createKey(`{"scope":"ingest","tenant":"acme"}`)
	a.look()

	operator.revoked(stolen, "", 0, 2)
	operator.revoked(stolen, "?made=false", 0, 2)
	for _, query := range []string{"?made=yes", "?made=", "?made=true&made=true", "?Made=true"} {
		operator.refused(operator.ask("DELETE", "/keys/"+stolen.String()+query), 400, "invalid-query")
	}
	a.look()
	a.as(grandchild.Key).counted(acme(1, ""))
	operator.revoked(stolen, "?made=true", 2, 0)
	operator.revoked(stolen, "?made=true", 0, 0)
	a.look()
	for _, gone := range []string{key, child.Key, grandchild.Key} {
		a.as(gone).refused(a.as(gone).post(jsonType, acme(1, "")), 401, "unauthorized")
	}
	a.as(foreign.Key).counted(acme(1, ""))
}

// A key of one tenant ends no other tenant's keys, whoever has made them.
func TestRevokingEndsNoKeyOfOthers(t *testing.T) {
	a := guarded(t)
	_, stolen := a.newKeyOf(auth.NewKey{Scope: "admin", Tenant: "acme"})
	_, _ = a.newKeyOf(auth.NewKey{Scope: "read", Tenant: "free", Maker: stolen}) // as no route does
	own := a.as(a.newKey("admin", "acme"))
	own.revoked(stolen, "?made=true", 0, 0)
	a.as(a.newKey("admin", "")).revoked(stolen, "", 0, 1)
}

// A process that has not learned yet that a key is revoked makes no key with it.
func TestARevokedKeyMakesNoKey(t *testing.T) {
	a := guarded(t)
	key, id := a.newKeyOf(auth.NewKey{Scope: "admin"})
	if _, err := a.env.DB.Exec("UPDATE api_keys SET revoked_at = now() WHERE id = $1",
		id); err != nil {
		t.Fatal(err)
	}
	r, _ := a.as(key).createKey(`{"scope":"admin"}`)
	a.refused(r, 401, "unauthorized")
	var n int
	if err := a.env.DB.Get(&n, "SELECT count(*) FROM api_keys"); err != nil || n != 1 {
		t.Errorf("%d keys, want 1: %v", n, err)
	}
}

// Without Postgres a key ends, and nothing is said about those that it has made.
func TestWithoutPostgresAKeyIsRevokedAlone(t *testing.T) {
	t.Parallel()
	env := stacktest.Own(t)
	a := newAPI(t, env, func(s *setup) { s.auth = true })
	operator := a.as(a.newKey("admin", ""))
	key, id := a.newKeyOf(auth.NewKey{Scope: "admin"})
	env.Stack.Postgres.Kill()
	r := operator.ask("DELETE", "/keys/"+id.String()+"?made=true")
	p := operator.refused(r, 503, "unavailable")
	if want := "the API key is revoked, but those that it has made cannot be now: repeat " +
		"this"; p.Detail != want {
		t.Errorf("%q, want %q", p.Detail, want)
	}
	r = operator.ask("DELETE", "/keys/"+id.String())
	var answer revokedKey
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil || r.status != 200 ||
		answer.MadeLive != nil {
		t.Errorf("%d %s, %v", r.status, r.body, err)
	}
	_ = a.keys.Start(t.Context()) // by Valkey alone
	a.as(key).refused(a.as(key).get("/keys"), 401, "unauthorized")
}
