package account

import (
	"context"
	"net/http"
	"net/url"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Tenant returns the tenant that a name leads to if the caller may know of it.
func (g *Guard) Tenant(ctx context.Context, name string) (meter.Tenant, error) {
	tenant, ok := g.tenants.Get(name)
	if !ok || !auth.Of(ctx).Sees(tenant.Name) {
		return meter.Tenant{}, problem.UnknownTenant(name)
	}
	return tenant, nil
}

// TenantIn returns the tenant in the path of a request.
func (g *Guard) TenantIn(r *http.Request, params httprouter.Params) (meter.Tenant, error) {
	name, err := url.PathUnescape(params.ByName("tenant"))
	if err != nil {
		return meter.Tenant{}, problem.NotFound(r.URL.Path, "")
	}
	return g.Tenant(r.Context(), name)
}

// byKey is who with the key of the tenant that it is bound to: a token may name the tenant by any of
// its names. A token for the defaults of all tenants is refused.
func (g *Guard) byKey(who *auth.Principal) (*auth.Principal, error) {
	if who.Tenant == "" {
		return who, nil
	}
	tenant, ok := g.tenants.Get(who.Tenant)
	if !ok && meter.CheckReserved(who.Tenant) != "" {
		return nil, auth.ErrUnauthorized
	}
	if !ok || tenant.Name == who.Tenant {
		return who, nil
	}
	bound := *who
	bound.Tenant = tenant.Name
	return &bound, nil
}

// Shown is the name that people see of the tenant with the given key.
func (g *Guard) Shown(key string) string {
	if tenant, ok := g.tenants.Get(key); ok {
		return tenant.Shown()
	}
	return key
}
