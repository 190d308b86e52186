package query

import (
	"errors"
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Usage is GET /usage/:tenant.
func (h *Handlers) Usage(w http.ResponseWriter, r *http.Request, params httprouter.Params) error {
	if err := param.Parse(r).Err(); err != nil {
		return err
	}
	tenant, err := h.guard.TenantIn(r, params)
	if err != nil {
		return err
	}
	u, err := h.backend.Live.Tenant(r.Context(), tenant.Name)
	switch {
	case errors.Is(err, store.ErrNoTenant):
		return problem.UnknownTenant(tenant.Shown())
	case err != nil:
		return problem.Unavailable("usage cannot be read now").Because(err)
	}
	give, err := h.room(r, 1<<10+256*len(u.Features))
	if err != nil {
		return err
	}
	defer give()
	writeTagged(w, r, AppendTenantUsage([]byte{'{'}, u), u.AsOf, u.Stale)
	return nil
}
