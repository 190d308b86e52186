package ingest

import (
	"strings"
	"testing"
)

// One key for an application that sends events and shows usage.
func TestAKeyOfSeveralScopes(t *testing.T) {
	a := guarded(t)
	admin := a.as(a.newKey("admin", ""))
	r, k := admin.createKey(`{"scope":"read  ingest read","tenant":"acme"}`)
	if r.status != 201 || k.Scope != "ingest read" || !strings.HasPrefix(k.Key, "fm_ingest_") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	a.look()
	both := a.as(k.Key)
	both.counted(acme(5, ""))
	if got := both.total("acme"); got != 5 {
		t.Errorf("usage %d", got)
	}
	both.refused(both.get("/keys"), 403, "forbidden")
	both.refused(both.get("/metrics"), 403, "forbidden") // of all tenants
	both.refused(both.get("/usage/free"), 404, "unknown-tenant")
	if s := both.session(); s.Scope != "ingest read" || *s.Tenant != "acme" {
		t.Errorf("%+v", s)
	}
	b := a.browser()
	if r := b.as(k.Key).ask("POST", "/session"); r.status != 200 || b.total("acme") != 5 {
		t.Errorf("sign in: %d %s", r.status, r.body)
	}
	if list := admin.keyList(); list[1].Scope != "ingest read" {
		t.Errorf("%+v", list)
	}
	// The version before reads one column and allows less, never more.
	var scope string
	if err := a.env.DB.Get(&scope, "SELECT scope FROM api_keys WHERE id = $1", k.ID); err != nil || scope != "ingest" {
		t.Errorf("scope %q, %v", scope, err)
	}
	if r, k := admin.createKey(`{"scope":"read admin"}`); r.status != 201 || k.Scope != "admin" || !strings.HasPrefix(k.Key, "fm_admin_") {
		t.Errorf("admin comes with the others: %d %s", r.status, r.body)
	}
	for _, scope := range []string{"", " ", "ingest,read", "ingest write", "Ingest read", "ingest\\tadmin x"} {
		r, _ := admin.createKey(`{"scope":"` + scope + `"}`)
		if p := admin.refused(r, 400, "invalid-key"); len(p.Errors) != 1 || p.Errors[0].Field != "scope" ||
			!strings.HasPrefix(p.Errors[0].Detail, "must be one of ingest, read, admin") {
			t.Errorf("%q: %s", scope, r.body)
		}
	}
	// A change by SQL is in force as any other.
	if _, err := a.env.DB.Exec("UPDATE api_keys SET more_scopes = '{}' WHERE id = $1", k.ID); err != nil {
		t.Fatal(err)
	}
	a.look()
	both.refused(both.get("/usage/acme"), 403, "forbidden")
	both.counted(acme(1, ""))
	for _, wrong := range []string{"{admin}", "{NULL}", "{read,NULL}", "{Read}"} {
		if _, err := a.env.DB.Exec("UPDATE api_keys SET more_scopes = $2 WHERE id = $1", k.ID, wrong); err == nil {
			t.Errorf("%s is stored", wrong)
		}
	}
}
