package manage

import (
	"errors"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// maxTenantRequest bounds the body of PATCH /tenants/:tenant, in bytes.
const maxTenantRequest = 4 << 10

// RenameTenant is PATCH /tenants/:tenant: it gives a tenant another name, under which people
// see it from then on, on every process within 2 s.
func (h *Handlers) RenameTenant(w http.ResponseWriter, r *http.Request, params httprouter.Params) error {
	tenant, err := h.guard.TenantIn(r, params)
	if err != nil {
		return err
	}
	if err := param.Parse(r).Err(); err != nil {
		return err
	}
	name, err := h.parseRename(w, r, tenant)
	if err != nil {
		return err
	}
	switch err := h.backend.Tenants.Rename(r.Context(), tenant.Name, name); {
	case errors.Is(err, store.ErrNameTaken):
		return problem.NameTaken(name)
	case errors.Is(err, store.ErrNoTenant):
		return problem.UnknownTenant(tenant.Shown())
	case err != nil:
		return problem.Unavailable("the tenant cannot be renamed now").Because(err)
	}
	by := auth.Of(r.Context()).KeyID
	h.backend.Log.Info("tenant renamed", "tenant", tenant.Name, "displayName", name, "by", by)
	if renamed, ok := h.backend.Tenants.Get(tenant.Name); ok {
		tenant = renamed
	}
	b := answer.AppendString([]byte(`{"tenant":`), tenant.Shown())
	b = answer.AppendString(append(b, `,"key":`...), tenant.Name)
	answer.WriteJSON(w, append(answer.AppendStrings(append(b, `,"aliases":`...), tenant.Aliases), '}'))
	return nil
}

// parseRename reads the name that a tenant is to be seen under; "" is its key.
func (h *Handlers) parseRename(
	w http.ResponseWriter, r *http.Request, tenant meter.Tenant,
) (string, error) {
	var ask struct {
		DisplayName jsontext.Value `json:"displayName"`
	}
	err := param.Body(w, r, maxTenantRequest, &ask, "displayName, once",
		func(detail string) error { return problem.InvalidTenant("", detail) })
	if err != nil {
		return "", err
	}
	var name string
	switch ask.DisplayName.Kind() {
	case jsontext.KindNull:
		return "", nil
	case jsontext.KindString:
		text, err := jsontext.AppendUnquote(nil, ask.DisplayName)
		if err != nil { // cannot be: Unmarshal has checked it
			return "", err
		}
		name = string(text)
	default:
		return "", problem.InvalidTenant("displayName", "is missing, or neither a string nor null")
	}
	if name == tenant.Name || slices.Contains(tenant.Aliases, name) {
		return name, nil // it has that name, however it looks
	}
	name = meter.Normal(name)
	if wrong := meter.CheckNewTenant(name); wrong != "" {
		return "", problem.InvalidTenant("displayName", wrong)
	}
	return name, nil
}
