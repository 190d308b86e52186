package account

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"

	strict "github.com/go-json-experiment/json"
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
// see it from then on, on every process within 2 a.
func (a *Admin) RenameTenant(w http.ResponseWriter, r *http.Request, params httprouter.Params) error {
	tenant, err := a.guard.TenantIn(r, params)
	if err != nil {
		return err
	}
	if err := param.Parse(r).Err(); err != nil {
		return err
	}
	name, err := a.parseRename(w, r, tenant)
	if err != nil {
		return err
	}
	switch err := a.backend.Tenants.Rename(r.Context(), tenant.Name, name); {
	case errors.Is(err, store.ErrNameTaken):
		return problem.NameTaken(name)
	case errors.Is(err, store.ErrNoTenant):
		return problem.UnknownTenant(tenant.Shown())
	case err != nil:
		return problem.Unavailable("the tenant cannot be renamed now").Because(err)
	}
	by := auth.Of(r.Context()).KeyID
	a.backend.Log.Info("tenant renamed", "tenant", tenant.Name, "displayName", name, "by", by)
	if renamed, ok := a.backend.Tenants.Get(tenant.Name); ok {
		tenant = renamed
	}
	b := answer.AppendString([]byte(`{"tenant":`), tenant.Shown())
	b = answer.AppendString(append(b, `,"key":`...), tenant.Name)
	answer.WriteJSON(w, append(answer.AppendStrings(append(b, `,"aliases":`...), tenant.Aliases), '}'))
	return nil
}

// parseRename reads the name that a tenant is to be seen under; "" is its key.
func (a *Admin) parseRename(
	w http.ResponseWriter, r *http.Request, tenant meter.Tenant,
) (string, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != answer.ContentType[0] {
		return "", problem.NotJSON()
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTenantRequest))
	if err != nil {
		return "", problem.InvalidTenant("", "the body did not arrive whole, or is larger than 4 KiB")
	}
	var ask struct {
		DisplayName jsontext.Value `json:"displayName"`
	}
	if err := strict.Unmarshal(text, &ask, strict.RejectUnknownMembers(true)); err != nil {
		return "", problem.InvalidTenant("", "the body must be an object of displayName, once")
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
