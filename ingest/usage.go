package ingest

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// usageBody is a tenant's usage in answers. Quota, percent and remaining are null for
// a tenant without a quota.
type usageBody struct {
	Tenant       string    `json:"tenant"`
	TotalTokens  int64     `json:"totalTokens"`
	Quota        *int64    `json:"quota"`
	QuotaPercent *float64  `json:"quotaPercent"`
	Remaining    *int64    `json:"remaining"`
	PeriodStart  time.Time `json:"periodStart"`
	PeriodEnd    time.Time `json:"periodEnd"`
	Stale        bool      `json:"stale"`
}

func newUsageBody(u meter.Usage) usageBody {
	body := usageBody{
		Tenant: u.Tenant.Name, TotalTokens: u.Tokens,
		PeriodStart: u.Period.Start, PeriodEnd: u.Period.End, Stale: u.Stale,
	}
	if quota := u.Tenant.Quota; quota > 0 {
		percent, remaining := meter.Percent(u.Tokens, quota), meter.Remaining(u.Tokens, quota)
		body.Quota, body.QuotaPercent, body.Remaining = &quota, &percent, &remaining
	}
	return body
}

// tenantUsageBody is the answer to GET /usage/:tenant.
type tenantUsageBody struct {
	usageBody `json:",inline"`
	// Minute is the current minute.
	Minute   time.Time     `json:"minute"`
	Features []featureBody `json:"features"`
	AsOf     time.Time     `json:"asOf"`
}

type featureBody struct {
	Feature string `json:"feature"`
	Tokens  int64  `json:"tokens"`
	Events  int64  `json:"events"`
}

// getUsage is GET /usage/:tenant.
func (s *Server) getUsage(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
	name, err := url.PathUnescape(params.ByName("tenant"))
	if err != nil {
		WriteProblem(w, problemNotFound(r.URL.Path))
		return
	}
	u, err := s.live.Tenant(r.Context(), name)
	switch {
	case errors.Is(err, store.ErrNoTenant):
		WriteProblem(w, problemUnknownTenant(name))
		return
	case err != nil:
		s.unavailable(w, r, "usage cannot be read now", err)
		return
	}
	body := tenantUsageBody{usageBody: newUsageBody(u), Minute: u.AsOf.Truncate(time.Minute), AsOf: u.AsOf,
		Features: make([]featureBody, len(u.Features))}
	for i, f := range u.Features {
		body.Features[i] = featureBody(f)
	}
	s.writeJSON(w, body)
}

// tenantsBody is the answer to GET /tenants.
type tenantsBody struct {
	Tenants []tenantBody `json:"tenants"`
	AsOf    time.Time    `json:"asOf"`
	Stale   bool         `json:"stale"`
}

type tenantBody struct {
	usageBody  `json:",inline"`
	Thresholds []int  `json:"thresholds"`
	Timezone   string `json:"timezone"`
	Archived   bool   `json:"archived,omitzero"`
}

// getTenants is GET /tenants: every tenant's usage, by name.
func (s *Server) getTenants(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	usages, err := s.live.All(r.Context())
	if err != nil {
		s.unavailable(w, r, "usage cannot be read now", err)
		return
	}
	body := tenantsBody{AsOf: s.now().UTC(), Tenants: make([]tenantBody, len(usages))}
	for i, u := range usages {
		body.Tenants[i] = tenantBody{newUsageBody(u), u.Tenant.Thresholds, u.Tenant.Zone.String(), u.Tenant.Archived}
		body.Stale = body.Stale || u.Stale
	}
	s.writeJSON(w, body)
}
