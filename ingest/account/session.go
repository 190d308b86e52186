package account

import (
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/internal/auth"
)

// Session is GET /session: who the caller is.
func (g *Guard) Session(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	return g.writeSession(w, auth.Of(r.Context()))
}

// SignIn is POST /session: it signs a browser in, with the key in the Authorization
// header.
func (g *Guard) SignIn(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	if g.gate == nil {
		return g.writeSession(w, auth.Of(r.Context()))
	}
	who, err := g.gate.SignIn(w, r)
	if err != nil {
		return g.refuse(err)
	}
	if !who.May(auth.ToRead) {
		return g.forbid(auth.ToRead)
	}
	return g.writeSession(w, who)
}

// SignOut is DELETE /session: it signs a browser out.
func (g *Guard) SignOut(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	if g.gate != nil {
		if err := g.gate.SignOut(w, r); err != nil {
			return g.refuse(err)
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (g *Guard) writeSession(w http.ResponseWriter, who *auth.Principal) error {
	b := answer.AppendString([]byte(`{"kind":`), who.Kind)
	b = answer.AppendString(append(b, `,"scope":`...), who.Scope.String())
	b = append(b, `,"tenant":`...)
	if who.Tenant == "" {
		b = append(b, "null"...)
	} else {
		b = answer.AppendString(b, g.Shown(who.Tenant))
	}
	b = append(b, `,"expiresAt":`...)
	if who.Expires.IsZero() {
		b = append(b, "null"...)
	} else {
		b = answer.AppendTime(b, who.Expires.UTC())
	}
	answer.WriteJSON(w, append(b, '}'))
	return nil
}
