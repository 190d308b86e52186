package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// rename gives a tenant another name by the API; body is a JSON value.
func (a *api) rename(tenant, name string) response {
	a.Helper()
	r, err := a.do("PATCH", "/tenants/"+tenant, jsonType,
		strings.NewReader(`{"displayName":`+name+`}`))
	if err != nil {
		a.Fatal(err)
	}
	return r
}

// renamed fails the test unless the tenant has its other name.
func (a *api) renamed(tenant, name string) response {
	a.Helper()
	r := a.rename(tenant, `"`+name+`"`)
	if r.status != 200 || !strings.HasPrefix(r.body, `{"tenant":"`+name+`"`) {
		a.Fatalf("renamed to %q: %d %s", name, r.status, r.body)
	}
	return r
}

func named(tenant string, tokens int64, members string) string {
	return fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":%d%s}`, tenant, tokens, members)
}

// A tenant is renamed while events wait in Valkey. Each of its names is good for everything,
// what is answered has the new one, and the figure is one.
func TestARenamedTenantIsOneTenant(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.auth, s.shards = true, 4 })
	a.key = a.newKey("admin", "")
	a.counted(named("acme", 100, `,"id":"a"`))
	if r := a.renamed("acme",
		"acme2"); r.body != `{"tenant":"acme2","key":"acme","aliases":["acme2"]}` {
		t.Errorf("renamed: %s", r.body)
	}
	got := a.counted("[" + named("acme2", 10, `,"id":"b"`) + "," + named("acme", 1, "") + "," +
		named("acme2", 100, `,"id":"a"`) + "]")
	if got.Accepted != 2 || got.Duplicates != 1 || len(got.Usage) != 1 ||
		got.Usage[0].Tenant != "acme2" || got.Usage[0].TotalTokens != 111 {
		t.Errorf("events by both names: %+v", got)
	}
	if r := a.post(jsonType, named("acme", 11, `,"id":"b"`)); r.status != 409 {
		t.Errorf("an id of the other name with other content: %d %s", r.status, r.body)
	}
	// What is in Postgres has the key.
	for _, statement := range []string{
		"INSERT INTO events VALUES (gen_random_uuid(), 'acme', 'chat', 7, '2026-08-01 11:00Z')",
		"INSERT INTO alerts (tenant, period_start, period_end, threshold, used, quota) VALUES ('acme', " +
			"'2026-08-01', '2026-09-01', 80, 90, 100)",
	} {
		if _, err := a.env.DB.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	bound := a.newKey("admin", "acme")
	tokens := map[string]string{}
	for _, name := range []string{"acme", "acme2"} {
		token, err := auth.Mint(a.tokens(), name, "read ingest", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = token
	}
	for who, key := range map[string]string{"operator": a.key, "bound key": bound,
		"token by key": tokens["acme"], "token by alias": tokens["acme2"]} {
		b := a.as(key)
		for _, name := range []string{"acme", "acme2"} {
			for path, want := range map[string]string{
				"/usage/" + name:                      `{"tenant":"acme2","totalTokens":`,
				"/usage/" + name + "/series":          `{"tenant":"acme2",`,
				"/usage/" + name + "/series.csv":      "tokens,events",
				"/usage/" + name + "/events.csv":      ",acme2,chat,7,",
				"/alerts?tenant=" + name:              `"tenant":"acme2","threshold":80`,
				"/tenants?q=" + name:                  `{"tenant":"acme2",`,
				"/tenants.csv?q=" + name:              "\nacme2,",
				"/tenants?sort=name&archived=true&q=": `{"tenant":"acme2",`,
			} {
				if r := b.get(path); r.status != 200 || !strings.Contains(r.body, want) ||
					strings.Contains(r.body, `"acme"`) {
					t.Errorf("%s asks for %s: %d %s, want %s", who, path, r.status, r.body, want)
				}
			}
			if r := b.post(jsonType, named(name, 1, `,"id":"`+name+`"`)); r.status != 200 {
				t.Errorf("%s posts as %s: %d %s", who, name, r.status, r.body)
			}
		}
		if r := b.get("/usage/free"); who != "operator" && r.status != 404 {
			t.Errorf("%s sees another tenant: %d %s", who, r.status, r.body)
		}
		if r := b.get("/session"); who != "operator" && !strings.Contains(r.body, `"tenant":"acme2"`) {
			t.Errorf("the session of the %s: %s", who, r.body)
		}
	}
	if r := a.as(bound).post(jsonType, named("free", 1, "")); r.status != 404 {
		t.Errorf("a bound key posts for another tenant: %d %s", r.status, r.body)
	}
	if got := a.total("acme2"); got != 113 {
		t.Errorf("%d tokens, want 113", got)
	}
	for _, name := range []string{"acme", "acme2"} {
		r, err := a.do("POST", "/keys", jsonType,
			strings.NewReader(`{"scope":"read","tenant":"`+name+`"}`))
		if err != nil || r.status != 201 || !strings.Contains(r.body, `"tenant":"acme2"`) {
			t.Errorf("a key for %s: %d %s, %v", name, r.status, r.body, err)
		}
	}
	if r := a.as(bound).get("/keys"); strings.Count(r.body, `"tenant":"acme2"`) != 3 {
		t.Errorf("its keys: %s", r.body)
	}
	var n int
	if err := a.env.DB.Get(&n, "SELECT count(*) FROM api_keys WHERE tenant = 'acme'"); err != nil ||
		n != 3 {
		t.Errorf("%d keys of the key in SQL, want 3: %v", n, err)
	}
	// A tenant without a quota of its own has the same limits as before, whatever it is called.
	if _, err := a.env.DB.Exec("UPDATE tenants SET monthly_quota = 120, enforce = 'strict' WHERE " +
		"name = 'acme'"); err != nil {
		t.Fatal(err)
	}
	if err := a.live.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"acme", "acme2"} {
		if r := a.post(jsonType, named(name, 8, "")); !strings.Contains(r.body,
			`tenant \"acme2\" has used 113 of 120`) {
			t.Errorf("beyond the quota as %s: %d %s", name, r.status, r.body)
		}
	}
}

func TestOldNamesStayAliases(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted(acme(5, ""))
	a.renamed("acme", "two")
	a.renamed("two", "three")
	if r := a.renamed("acme",
		"acme"); r.body != `{"tenant":"acme","key":"acme","aliases":["three","two"]}` {
		t.Errorf("back: %s", r.body)
	}
	a.renamed("three", "two")
	if r := a.rename("two", "null"); r.status != 200 ||
		!strings.HasPrefix(r.body, `{"tenant":"acme"`) {
		t.Errorf("null: %d %s", r.status, r.body)
	}
	for _, name := range []string{"acme", "two", "three"} {
		a.counted(named(name, 1, ""))
		if r := a.get("/usage/" + name); !strings.HasPrefix(r.body, `{"tenant":"acme"`) {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	if got := a.total("acme"); got != 8 {
		t.Errorf("%d tokens, want 8", got)
	}
	// An archived tenant can be renamed, too, and still takes no events.
	a.renamed("gone", "gone-2")
	a.refused(a.post(jsonType, named("gone-2", 1, "")), 404, "unknown-tenant")
}

func TestRenamingIsRefusedPrecisely(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.auth = true })
	operator, bound := a.newKey("admin", ""), a.newKey("admin", "acme")
	a.key = operator
	a.renamed("free", "libre")
	before := a.state()
	for _, c := range []struct {
		tenant, body string
		status       int
		kind, field  string
	}{
		{"acme", `{"displayName":"free"}`, 409, "name-taken", ""},
		{"acme", `{"displayName":"libre"}`, 409, "name-taken", ""},
		{"acme", `{"displayName":""}`, 400, "invalid-tenant", "displayName"},
		{"acme", `{"displayName":".."}`, 400, "invalid-tenant", "displayName"},
		{"acme", `{"displayName":"*"}`, 400, "invalid-tenant", "displayName"},
		{"acme", `{"displayName":"acme "}`, 400, "invalid-tenant", "displayName"},
		{"acme", `{"displayName":"\u200bacme"}`, 400, "invalid-tenant", "displayName"},
		{"acme", `{"displayName":"a\u0000"}`, 400, "invalid-tenant", "displayName"},
		{"acme", `{"displayName":"` + strings.Repeat("a", 129) + `"}`, 400, "invalid-tenant",
			"displayName"},
		{"acme", `{"displayName":5}`, 400, "invalid-tenant", "displayName"},
		{"acme", `{}`, 400, "invalid-tenant", "displayName"},
		{"acme", `{"displayName":"x","displayName":"y"}`, 400, "invalid-tenant", ""},
		{"acme", `{"name":"x"}`, 400, "invalid-tenant", ""},
		{"acme", `["x"]`, 400, "invalid-tenant", ""},
		{"acme", ``, 400, "invalid-tenant", ""},
		{"acme", `{"displayName":"` + strings.Repeat("a", 5000) + `"}`, 400, "invalid-tenant", ""},
		{"acme?x=1", `{"displayName":"x"}`, 400, "invalid-query", "x"},
		{"nobody", `{"displayName":"x"}`, 404, "unknown-tenant", ""},
	} {
		r, err := a.do("PATCH", "/tenants/"+c.tenant, jsonType, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		p := a.refused(r, c.status, c.kind)
		if len(p.Errors) > 0 && p.Errors[0].Field != c.field || len(p.Errors) == 0 && c.field != "" {
			t.Errorf("%s: errors %+v, want one of field %q", c.body, p.Errors, c.field)
		}
	}
	r, err := a.do("PATCH", "/tenants/acme", "text/plain", strings.NewReader(`{"displayName":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	a.refused(r, 415, "unsupported-media-type")
	if r := a.as(bound).rename("acme", `"x"`); r.status != http.StatusForbidden {
		t.Errorf("a bound key of scope admin: %d %s", r.status, r.body)
	}
	a.unchanged(before)
}

// A process that has not heard of a new name yet does not make it a tenant.
func TestAutoCreateDoesNotSplitARenamedTenant(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.autoCreate = true })
	a.counted(acme(5, ""))
	// another process
	if _, err := a.env.AppDB.Exec("UPDATE tenants SET display_name = 'acme2' WHERE name = " +
		"'acme'"); err != nil {
		t.Fatal(err)
	}
	got := a.counted("[" + named("acme2", 1, "") + "," + named("new", 2, "") + "]")
	if len(got.Usage) != 2 {
		t.Errorf("%+v", got)
	}
	if a.total("acme2") != 6 || a.total("new") != 2 {
		t.Errorf("acme2 has %d tokens, new has %d; want 6 and 2", a.total("acme2"), a.total("new"))
	}
}

// Live clients see the new name as soon as the process knows it.
func TestLiveClientsSeeTheNewName(t *testing.T) {
	a := quick(t)
	a.counted(acme(5, ""))
	list, single := a.follow("?sort=name"), a.follow("?tenant=acme")
	list.next("snapshot")
	single.next("tenant")
	a.renamed("acme", "zeta")
	for f := list.next("change"); ; f = list.next("change") {
		if len(f.Gone) == 1 && f.Gone[0] == "acme" && f.Tenants[0].Tenant == "zeta" &&
			f.Tenants[0].TotalTokens == 5 {
			break
		}
	}
	for f := single.next("tenant"); f.Tenant != "zeta"; f = single.next("tenant") {
	}
	if f := a.follow("?tenant=zeta").next("tenant"); f.Tenant != "zeta" || f.TotalTokens != 5 {
		t.Errorf("by its new name: %+v", f)
	}
}
