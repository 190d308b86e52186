package ingest

import (
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// Every problem that is about a renamed tenant has the name that people see, and never its key.
func TestProblemsShowATenantsName(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) {
		s.auth, s.maxFeatures, s.keyLimits = true, 1, store.KeyLimits{Tenant: 2}
	})
	a.key = a.newKey("admin", "")
	bound := a.as(a.newKey("ingest read", "acme"))
	a.renamed("acme", "acme-holding")
	a.counted(acme(1, ""))
	ask := func(status int, kind string, r response) {
		t.Helper()
		a.refused(r, status, kind)
		if !strings.Contains(r.body, "acme-holding") || strings.Contains(r.body, `acme\"`) {
			t.Errorf("%s: %s", kind, r.body)
		}
	}
	ask(422, "feature-limit", a.post(jsonType, eventOf("acme", "another")))
	a.set("acme", "rate_limit = 1, rate_burst = 100")
	a.counted(batchOf("acme", 90))
	ask(429, "rate-limited", a.post(jsonType, batchOf("acme", 95)))
	ask(413, "larger-than-burst", a.post(jsonType, batchOf("acme", 101)))
	ask(429, "rate-limited", bound.post(jsonType, batchOf("acme", 95)))
	a.counted(eventOf("free", "chat"))
	a.set("acme", "rate_limit = NULL, rate_burst = NULL, monthly_quota = 1, enforce = 'soft'")
	ask(402, "quota-exceeded", a.post(jsonType, acme(1, "")))

	if _, _, err := auth.Create(t.Context(), a.env.DB, auth.NewKey{Scope: "read", Tenant: "acme"},
		a.clock.Now()); err != nil {
		t.Fatal(err)
	}
	r, _ := a.createKey(`{"scope":"read","tenant":"acme"}`)
	ask(409, "too-many-keys", r)
}
