package ingest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestEventsOfUnknownAndArchivedTenantsAreRefused(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	before := a.state()
	event := func(tenant string) string {
		return fmt.Sprintf(`{"tenant":%q,"feature":"x","tokens":1,"id":"e"}`, tenant)
	}
	for _, c := range []struct {
		body    string
		indexes []int
	}{
		{event("nobody"), []int{0}},
		{event("gone"), []int{0}},
		{event("ACME"), []int{0}},
		{event("acme!"), []int{0}},
		{"[" + event("acme") + "," + event("nobody") + "," + event("acme") + "," + event("gone") + "]",
			[]int{1, 3}},
	} {
		p := a.refused(a.post(jsonType, c.body), 404, "unknown-tenant")
		if !slices.Equal(p.indexes(), c.indexes) {
			t.Errorf("%s: the problem names %v, want %v", c.body, p.indexes(), c.indexes)
		}
		for _, e := range p.Errors {
			if e.Field != "tenant" {
				t.Errorf("%s: field %q", c.body, e.Field)
			}
		}
	}
	a.unchanged(before)
}

func TestAutoCreateAddsATenantWithTheDefaultQuota(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.autoCreate, s.defaultQuota = true, 500 })
	r := a.post(jsonType,
		`[{"tenant":"new","feature":"x","tokens":50},{"tenant":"new","feature":"x","tokens":50},{"tenant":"other","feature":"x","tokens":1}]`)
	if r.status != 200 ||
		!strings.Contains(r.body,
			`"tenant":"new","totalTokens":100,"quota":500,"quotaPercent":20,"remaining":400`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if got := a.total("new"); got != 100 {
		t.Errorf("%d tokens, want 100", got)
	}
	var rows []string
	if err := a.env.DB.Select(&rows,
		`SELECT name || ' ' || monthly_quota || ' ' || billing_day || ' ' || timezone || ' ' || thresholds::text
		FROM tenants WHERE name IN ('new', 'other') ORDER BY name`); err != nil {
		t.Fatal(err)
	}
	if want := []string{"new 500 1 UTC {70}", "other 500 1 UTC {70}"}; !slices.Equal(rows, want) {
		t.Errorf("rows %q, want %q", rows, want)
	}
}

// A request that is refused changes nothing: not even its new tenants are left behind.
func TestAutoCreateOfARefusedRequestAddsNobody(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.autoCreate = true })
	const event = `{"tenant":%q,"feature":"x","tokens":%d,"id":"e"}`
	before := a.state()
	a.refused(a.post(jsonType, "["+fmt.Sprintf(event, "new", 1)+","+fmt.Sprintf(event, "gone", 1)+"]"),
		404, "unknown-tenant")
	a.refused(a.post(jsonType, "["+fmt.Sprintf(event, "new", 1)+","+fmt.Sprintf(event, "new", 2)+"]"),
		409, "id-conflict")
	a.unchanged(before)
}

func TestAutoCreateOfThousandsOfTenantsInOneRequest(t *testing.T) {
	const tenants = 3_000
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.autoCreate = true })
	var lines strings.Builder
	for i := range tenants {
		fmt.Fprintf(&lines, "{\"tenant\":\"customer-%d\",\"feature\":\"x\",\"tokens\":1}\n", i)
	}
	r := a.post(ndjsonType, lines.String())
	if r.status != 200 || len(a.read(r).Usage) != tenants {
		t.Errorf("%d %.200s", r.status, r.body)
	}
}

func TestUsageOfAnyNameATenantCanHave(t *testing.T) {
	names := []string{"a/b", "/", "//", "100%", "a%2Fb", "%", "a b", "a+b", `q"uote'`, `back\slash`,
		"a?b#c", "...", "a;b=c&d",
		"🦉", "é", "שלום", "usage", ":tenant", "*", strings.Repeat("🦉", 128)}
	a := newAPI(t, stacktest.New(t))
	a.addTenants(names...)
	for i, name := range names {
		a.counted(fmt.Sprintf(`{"tenant":%s,"feature":"x","tokens":%d}`, quoted(name), i+1))
	}
	for i, name := range names {
		if got := a.total(name); got != int64(i)+1 {
			t.Errorf("%q has %d tokens, want %d", name, got, i+1)
		}
	}
	// Clients escape more or less than they must.
	for path, want := range map[string]string{"/usage/%61cme": "acme", "/usage/é": "é",
		"/usage/a+b": "a+b", "/usage/100%25": "100%"} {
		if r := a.get(path); r.status != 200 || !strings.Contains(r.body, `"tenant":`+quoted(want)) {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

// quoted is a JSON string. The names hold nothing that Go and JSON escape differently.
func quoted(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

func TestUsageOfUnknownTenants(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	for _, name := range []string{"nobody", "acme ", "acme/", "\x00", "\xff",
		strings.Repeat("x", 5_000)} {
		p := a.refused(a.get("/usage/"+url.PathEscape(name)), 404, "unknown-tenant")
		if len(p.Detail) > 300 {
			t.Errorf("%.20q: a detail of %d bytes", name, len(p.Detail))
		}
	}
	if r := a.get("/usage/gone"); r.status != 200 {
		t.Errorf("an archived tenant keeps its figures, got %d %s", r.status, r.body)
	}
}
