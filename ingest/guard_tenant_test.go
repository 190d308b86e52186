package ingest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// To a credential that is bound to a tenant, no other tenant exists.
func TestAnotherTenantDoesNotExist(t *testing.T) {
	a := guarded(t)
	everybody := a.as(a.newKey("admin", ""))
	everybody.addQuota("other", 1000, 900)
	everybody.counted(acme(5, ""))
	token, err := auth.Mint(a.tokens(), "acme", "read ingest", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{"key": a.newKey("admin", "acme"), "token": token} {
		own := a.as(key)
		for _, path := range []string{"/usage/%s", "/usage/%s/series", "/usage/%s/series.csv",
			"/usage/%s/events.csv", "/alerts?tenant=%s"} {
			if r := own.get(fmt.Sprintf(path, "acme")); r.status != 200 {
				t.Errorf("%s: %s of its own tenant: %d %s", name, path, r.status, r.body)
			}
			exists, unknown := own.get(fmt.Sprintf(path, "other")), own.get(fmt.Sprintf(path, "where"))
			own.refused(exists, 404, "unknown-tenant")
			if strings.ReplaceAll(exists.text(), "other", "where") != unknown.text() {
				t.Errorf("%s: %s tells them apart: %s and %s", name, path, exists.body, unknown.body)
			}
		}
		for _, body := range []string{`{"tenant":"%s","feature":"x","tokens":1}`, `[` + acme(1, "") +
			`,{"tenant":"%s","feature":"x","tokens":1}]`} {
			before := a.state()
			exists, unknown := own.post(jsonType, fmt.Sprintf(body, "other")), own.post(jsonType,
				fmt.Sprintf(body, "where"))
			own.refused(exists, 404, "unknown-tenant")
			if strings.ReplaceAll(exists.text(), "other", "where") != unknown.text() {
				t.Errorf("%s: POST /events tells them apart: %s and %s", name, exists.body, unknown.body)
			}
			a.unchanged(before)
		}
		own.counted(acme(1, ""))

		var list struct {
			Tenants []struct{ Tenant string }
			Totals  struct {
				Tenants, OverQuota, NearQuota int
				TotalTokens                   int64
				EventsPerSecond               *float64
			}
			Matching int
		}
		r := own.get("/tenants?archived=true&sort=name")
		if err := json.Unmarshal([]byte(r.body), &list); err != nil || r.status != 200 {
			t.Fatalf("%s: %d %s", name, r.status, r.body)
		}
		if len(list.Tenants) != 1 || list.Tenants[0].Tenant != "acme" || list.Matching != 1 ||
			list.Totals.Tenants != 1 ||
			list.Totals.NearQuota != 0 || list.Totals.EventsPerSecond != nil ||
			list.Totals.TotalTokens >= 900 {
			t.Errorf("%s: GET /tenants: %s", name, r.body)
		}
		if r := own.get("/tenants?q=other"); !strings.Contains(r.body, `"tenants":[]`) ||
			!strings.Contains(r.body, `"matching":0`) {
			t.Errorf("%s: a search for another: %s", name, r.body)
		}
		if r := own.get("/tenants.csv"); strings.Count(r.body, "\r\n") != 2 ||
			strings.Contains(r.body, "other") {
			t.Errorf("%s: GET /tenants.csv: %s", name, r.body)
		}
		if r := own.get("/alerts"); r.status != 200 {
			t.Errorf("%s: GET /alerts: %d", name, r.status)
		}
	}
}

func TestAlertsOfAnotherTenantAreNotTold(t *testing.T) {
	a := guarded(t)
	a.addTenants("other")
	if _, err := a.env.DB.Exec(`INSERT INTO alerts (tenant, threshold, used, quota, period_start, period_end)
		SELECT tenant, 80, 90, 100, date '2026-08-01', date '2026-09-01'
		FROM unnest('{acme,other}'::text[]) AS tenant`); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{a.newKey("read", "acme"): 1, a.newKey("read", ""): 2} {
		r := a.as(key).get("/alerts")
		if got := strings.Count(r.body, `"tenant":`); r.status != 200 || got != want {
			t.Errorf("%d alerts, want %d: %s", got, want, r.body)
		}
	}
}

func TestATenantMakesNoOther(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.auth, s.autoCreate = true, true })
	const event = `{"tenant":"new","feature":"x","tokens":1}`
	own := a.as(a.newKey("ingest", "acme"))
	own.refused(own.post(jsonType, event), 404, "unknown-tenant")
	if _, ok := a.dir.Get("new"); ok {
		t.Error("a key of one tenant has made another")
	}
	a.as(a.newKey("ingest", "")).counted(event)
}

// A name may need an escape, in a path and in a comparison.
func TestAKeyOfATenantWithAnOddName(t *testing.T) {
	a := guarded(t)
	for _, name := range []string{"a/b", "100%", "Acme", "acmé"} {
		a.addTenants(name)
		own := a.as(a.newKey("read", name))
		if got := own.total(name); got != 0 {
			t.Errorf("%q: %d", name, got)
		}
		for _, other := range []string{"acme", "a", "ACME"} {
			own.refused(own.get("/usage/"+url.PathEscape(other)), 404, "unknown-tenant")
		}
	}
}
