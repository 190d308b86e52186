package ingest

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// getUsage is GET /usage/:tenant.
func (s *Server) getUsage(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
	name, problem := tenantName(r, params)
	if problem == nil {
		problem = parseQuery(r).problem()
	}
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	if _, ok := s.visible(r, name); !ok {
		WriteProblem(w, problemUnknownTenant(name))
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
	give, ok := s.room(w, r, 1<<10+256*len(u.Features))
	if !ok {
		return
	}
	defer give()
	writeTagged(w, r, appendTenantUsage([]byte{'{'}, u), u.AsOf, u.Stale)
}

// tenantName is the name in the path.
func tenantName(r *http.Request, params httprouter.Params) (string, *Problem) {
	name, err := url.PathUnescape(params.ByName("tenant"))
	if err != nil {
		return "", problemNotFound(r.URL.Path, "")
	}
	return name, nil
}

// tenant is the tenant in the path.
func (s *Server) tenant(r *http.Request, params httprouter.Params) (meter.Tenant, *Problem) {
	name, problem := tenantName(r, params)
	if problem != nil {
		return meter.Tenant{}, problem
	}
	tenant, ok := s.visible(r, name)
	if !ok {
		return meter.Tenant{}, problemUnknownTenant(name)
	}
	return tenant, nil
}
