package ingest

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// maxTenantRequest bounds the body of PATCH /tenants/:tenant, in bytes.
const maxTenantRequest = 4 << 10

// patchTenant is PATCH /tenants/:tenant: it gives a tenant another name, under which people
// see it from then on, on every process within 2 s.
func (s *Server) patchTenant(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
	tenant, problem := s.tenant(r, params)
	if problem == nil {
		problem = parseQuery(r).problem()
	}
	var name string
	if problem == nil {
		name, problem = s.parseRename(w, r, tenant)
	}
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	switch err := s.tenants.Rename(r.Context(), tenant.Name, name); {
	case errors.Is(err, store.ErrNameTaken):
		WriteProblem(w, problemNameTaken(name))
		return
	case errors.Is(err, store.ErrNoTenant):
		WriteProblem(w, problemUnknownTenant(tenant.Shown()))
		return
	case err != nil:
		s.unavailable(w, r, "the tenant cannot be renamed now", err)
		return
	}
	by := auth.Of(r.Context()).KeyID
	s.log.Info("tenant renamed", "tenant", tenant.Name, "displayName", name, "by", by)
	if renamed, ok := s.tenants.Get(tenant.Name); ok {
		tenant = renamed
	}
	b := appendString([]byte(`{"tenant":`), tenant.Shown())
	b = appendString(append(b, `,"key":`...), tenant.Name)
	writeJSON(w, append(appendNames(append(b, `,"aliases":`...), tenant.Aliases), '}'))
}

// parseRename reads the name that a tenant is to be seen under; "" is its key.
func (s *Server) parseRename(
	w http.ResponseWriter, r *http.Request, tenant meter.Tenant,
) (string, *Problem) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != contentTypeJSON[0] {
		return "", &Problem{Type: "/problems/unsupported-media-type", Title: "Unsupported media type",
			Status: http.StatusUnsupportedMediaType, Detail: "Content-Type must be application/json"}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTenantRequest))
	if err != nil {
		return "", problemInvalidTenant("", "the body did not arrive whole, or is larger than 4 KiB")
	}
	var ask struct {
		DisplayName jsontext.Value `json:"displayName"`
	}
	if err := strict.Unmarshal(text, &ask, strict.RejectUnknownMembers(true)); err != nil {
		return "", problemInvalidTenant("", "the body must be an object of displayName, once")
	}
	var name string
	switch ask.DisplayName.Kind() {
	case jsontext.KindNull:
		return "", nil
	case jsontext.KindString:
		text, wrong := textIn(ask.DisplayName)
		if wrong != "" {
			return "", problemInvalidTenant("displayName", wrong)
		}
		name = string(text)
	default:
		return "", problemInvalidTenant("displayName", "is missing, or neither a string nor null")
	}
	if name == tenant.Name || slices.Contains(tenant.Aliases, name) {
		return name, nil // it has that name, however it looks
	}
	name = meter.Normal(name)
	if wrong := meter.CheckNewTenant(name); wrong != "" {
		return "", problemInvalidTenant("displayName", wrong)
	}
	return name, nil
}

func problemInvalidTenant(field, detail string) *Problem {
	return &Problem{
		Type: "/problems/invalid-tenant", Title: "Invalid tenant", Status: http.StatusBadRequest,
		Detail: "nothing was changed", Errors: []FieldError{{Field: field, Detail: detail}},
	}
}

func problemNameTaken(name string) *Problem {
	const detail = "%q is a name of another tenant, now or from before; nothing was changed"
	return &Problem{
		Type: "/problems/name-taken", Title: "The name is taken", Status: http.StatusConflict,
		Detail: fmt.Sprintf(detail, clip(name)),
	}
}
