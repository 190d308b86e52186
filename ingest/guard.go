package ingest

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// guard lets those pass who have what a route needs; the route finds them with auth.Of. With
// AUTH=off everybody passes.
func (s *Server) guard(need auth.Need, next httprouter.Handle) httprouter.Handle {
	if s.gate == nil || need == auth.Public {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
		who, err := s.gate.Authenticate(r)
		if err == nil {
			who, err = s.byKey(who)
		}
		if err == nil && !who.May(need) {
			s.metrics.authRefused("403")
			WriteProblem(w, problemForbidden(need))
			return
		}
		if err != nil {
			s.refuse(w, err)
			return
		}
		next(w, r.WithContext(auth.With(r.Context(), who)), params)
	}
}

// refuse answers an error of the gate.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, auth.ErrNotReady):
		WriteProblem(w, problemStarting())
	case errors.Is(err, auth.ErrCrossOrigin):
		s.metrics.authRefused("403")
		WriteProblem(w, problemForeignPage())
	default:
		s.metrics.authRefused("401")
		w.Header()["Www-Authenticate"] = challenge
		WriteProblem(w, problemUnauthorized())
	}
}

var challenge = []string{"Bearer"}

// stillValid reports whether the credential of a request that goes on for long is stillValid good.
func (s *Server) stillValid(r *http.Request) bool {
	return s.gate == nil || s.gate.Still(auth.Of(r.Context()))
}

// byKey is who with the key of the tenant that it is bound to: whoever signs tokens may know
// the tenant by any of its names. A token for the defaults of all tenants is refused.
func (s *Server) byKey(who *auth.Principal) (*auth.Principal, error) {
	if who.Tenant == "" {
		return who, nil
	}
	tenant, ok := s.tenants.Get(who.Tenant)
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

// visible returns the tenant that a name leads to if the caller may know of it.
func (s *Server) visible(r *http.Request, name string) (meter.Tenant, bool) {
	tenant, ok := s.tenants.Get(name)
	if !ok || !auth.Of(r.Context()).Sees(tenant.Name) {
		return meter.Tenant{}, false
	}
	return tenant, true
}

// shown is the name that people see of the tenant with the given key.
func (s *Server) shown(key string) string {
	if tenant, ok := s.tenants.Get(key); ok {
		return tenant.Shown()
	}
	return key
}

// problemUnauthorized is the same whatever is wrong with a credential, or if there is none.
func problemUnauthorized() *Problem {
	return &Problem{Type: "/problems/unauthorized", Title: "Unauthorized", Status: http.StatusUnauthorized,
		Detail: "this needs a valid API key or token, as Authorization: Bearer"}
}

func problemForbidden(need auth.Need) *Problem {
	return &Problem{Type: "/problems/forbidden", Title: "Forbidden", Status: http.StatusForbidden,
		Detail: fmt.Sprintf("this needs the scope %s", need)}
}

func problemForeignPage() *Problem {
	return &Problem{Type: "/problems/foreign-origin", Title: "Foreign origin", Status: http.StatusForbidden,
		Detail: "a page of another origin may not ask for this"}
}

func problemStarting() *Problem {
	p := problemUnavailable("the process is starting: its stores have not answered yet")
	p.Title = "Not available now"
	return p
}
