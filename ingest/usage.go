package ingest

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

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
	writeJSON(w, appendTenantUsage(nil, u))
}

// getTenants is GET /tenants: every tenant's usage, by name.
func (s *Server) getTenants(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	usages, err := s.live.All(r.Context())
	if err != nil {
		s.unavailable(w, r, "usage cannot be read now", err)
		return
	}
	writeJSON(w, appendTenants(nil, usages, s.now().UTC()))
}
