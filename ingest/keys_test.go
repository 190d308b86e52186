package ingest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/auth"
)

// madeKey is an API key as a client reads it.
type madeKey struct {
	ID                               uuid.UUID
	Name, Scope, Key                 string
	Tenant                           *string
	CreatedAt                        time.Time
	CreatedBy                        *uuid.UUID
	OpenMode                         bool
	RateLimit, RateBurst             *int64
	ExpiresAt, RevokedAt, LastUsedAt *time.Time
}

// madeKeys is a page of them.
type madeKeys struct {
	Keys []madeKey
	Next *string
}

// revokedKey is the answer to DELETE /keys/:id.
type revokedKey struct {
	ID          uuid.UUID
	MadeRevoked int
	MadeLive    *int
}

// createKey is POST /keys.
func (a *api) createKey(body string) (response, madeKey) {
	a.Helper()
	r, err := a.do("POST", "/keys", jsonType, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	var k madeKey
	if r.status == 201 {
		if err := json.Unmarshal([]byte(r.body), &k); err != nil {
			a.Fatal(err)
		}
	}
	return r, k
}

func (a *api) look() {
	a.Helper()
	if err := a.keys.Start(a.Context()); err != nil {
		a.Fatal(err)
	}
}

// keyPage is GET /keys with a query.
func (a *api) keyPage(query string) (list madeKeys) {
	a.Helper()
	if r := a.get("/keys" + query); r.status != 200 || json.Unmarshal([]byte(r.body), &list) != nil {
		a.Fatalf("GET /keys%s: %d %s", query, r.status, r.body)
	}
	return list
}

func (a *api) keyList() []madeKey {
	a.Helper()
	return a.keyPage("").Keys
}

func TestAKeyIsMadeUsedAndRevoked(t *testing.T) {
	a := guarded(t)
	admin := a.as(a.newKey("admin", ""))
	r, k := admin.createKey(`{"scope":"ingest","tenant":"acme","name":"backend","expiresAt":"2026-08-01T14:00:00+01:00"}`)
	if r.status != 201 || !auth.IsKey(k.Key) || k.Scope != "ingest" || *k.Tenant != "acme" || k.Name != "backend" || r.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if k.ExpiresAt == nil || !k.ExpiresAt.Equal(time.Date(2026, 8, 1, 13, 0, 0, 0, time.UTC)) {
		t.Errorf("expires %v", k.ExpiresAt)
	}
	a.look()
	a.as(k.Key).counted(acme(1, ""))
	list := admin.keyList()
	if len(list) != 2 || list[1].ID != k.ID || list[1].Key != "" || list[1].RevokedAt != nil {
		t.Errorf("%+v", list)
	}
	for range 2 { // the second time nothing changes
		admin.revoked(k.ID, "", 0, 0)
		a.look()
		a.as(k.Key).refused(a.as(k.Key).post(jsonType, acme(1, "")), 401, "unauthorized")
	}
	if list := admin.keyList(); list[1].RevokedAt == nil {
		t.Errorf("%+v", list[1])
	}
	for _, id := range []string{uuid.NewString(), "x", strings.Repeat("0", 36)} {
		admin.refused(admin.ask("DELETE", "/keys/"+id), 404, "unknown-key")
	}
}

func TestWhatCannotBeAKey(t *testing.T) {
	a := guarded(t)
	admin := a.as(a.newKey("admin", ""))
	before := a.state()
	for body, field := range map[string]string{
		``:                                  "",
		`[]`:                                "",
		`{}`:                                "scope",
		`{"scope":"Admin"}`:                 "scope",
		`{"scope":"read","scope":"admin"}`:  "",
		`{"Scope":"read"}`:                  "",
		`{"scope":"read","colour":"red"}`:   "",
		`{"scope":"read"} {}`:               "",
		`{"scope":"read","tenant":"*"}`:     "tenant",
		`{"scope":"read","name":"a\u0000"}`: "name",
		fmt.Sprintf(`{"scope":"read","name":"%s"}`, strings.Repeat("é", 129)): "name",
		`{"scope":"read","expiresAt":"2026-08-01T12:00:00Z"}`:                 "expiresAt",
		`{"scope":"read","expiresAt":"tomorrow"}`:                             "",
		`{"scope":"read","name":"` + strings.Repeat("a", 5000) + `"}`:         "",
	} {
		r, _ := admin.createKey(body)
		p := admin.refused(r, 400, "invalid-key")
		if len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%.60s: %s, want field %q", body, r.body, field)
		}
	}
	r, _ := admin.createKey(`{"scope":"read","tenant":"nobody"}`)
	admin.refused(r, 404, "unknown-tenant")
	if r, err := admin.do("POST", "/keys", "text/plain", strings.NewReader(`{"scope":"read"}`)); err != nil || r.status != 415 {
		t.Errorf("another content type: %d, %v", r.status, err)
	}
	a.unchanged(before)
}

// An admin key of a tenant manages the keys of that tenant.
func TestAnAdminOfOneTenant(t *testing.T) {
	a := guarded(t)
	foreign, everybody := a.newKey("read", "free"), a.newKey("read", "")
	own := a.as(a.newKey("admin", "acme"))
	ids := map[string]uuid.UUID{}
	for _, k := range a.as(a.newKey("admin", "")).keyList() {
		tenant := ""
		if k.Tenant != nil {
			tenant = *k.Tenant
		}
		ids[tenant+k.Scope] = k.ID
	}
	if list := own.keyList(); len(list) != 1 || list[0].ID != ids["acmeadmin"] {
		t.Errorf("%+v", list)
	}
	r, _ := own.createKey(`{"scope":"read"}`)
	own.refused(r, 403, "forbidden")
	exists, _ := own.createKey(`{"scope":"read","tenant":"free"}`)
	own.refused(exists, 404, "unknown-tenant")
	if unknown, _ := own.createKey(`{"scope":"read","tenant":"nobd"}`); strings.ReplaceAll(unknown.text(), "nobd", "free") != exists.text() {
		t.Errorf("it tells them apart: %s and %s", exists.body, unknown.body)
	}
	if r, k := own.createKey(`{"scope":"read","tenant":"acme"}`); r.status != 201 || *k.Tenant != "acme" {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, id := range []uuid.UUID{ids["freeread"], ids["read"], ids["admin"]} {
		own.refused(own.ask("DELETE", "/keys/"+id.String()), 404, "unknown-key")
	}
	a.look()
	for _, key := range []string{foreign, everybody} {
		if r := a.as(key).get("/tenants"); r.status != 200 {
			t.Errorf("a key of others: %d %s", r.status, r.body)
		}
	}
	if r := own.ask("DELETE", "/keys/"+ids["acmeadmin"].String()); r.status != 200 {
		t.Errorf("its own: %d %s", r.status, r.body)
	}
}
