package ingest

import (
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/auth"
)

// getSession is GET /session: who the caller is.
func (s *Server) getSession(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	s.writeSession(w, auth.Of(r.Context()))
}

// postSession is POST /session: it signs a browser in, with the key in the Authorization
// header.
func (s *Server) postSession(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	if s.gate == nil {
		s.writeSession(w, auth.Of(r.Context()))
		return
	}
	who, err := s.gate.SignIn(w, r)
	switch {
	case err != nil:
		s.refuse(w, err)
	case !who.May(auth.ToRead):
		s.metrics.authRefused("403")
		WriteProblem(w, problemForbidden(auth.ToRead))
	default:
		s.writeSession(w, who)
	}
}

// deleteSession is DELETE /session: it signs a browser out.
func (s *Server) deleteSession(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	if s.gate != nil {
		if err := s.gate.SignOut(w, r); err != nil {
			s.refuse(w, err)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) writeSession(w http.ResponseWriter, who *auth.Principal) {
	b := appendString([]byte(`{"kind":`), who.Kind)
	b = appendString(append(b, `,"scope":`...), who.Scope.String())
	b = append(b, `,"tenant":`...)
	if who.Tenant == "" {
		b = append(b, "null"...)
	} else {
		b = appendString(b, s.shown(who.Tenant))
	}
	b = append(b, `,"expiresAt":`...)
	if who.Expires.IsZero() {
		b = append(b, "null"...)
	} else {
		b = appendTime(b, who.Expires.UTC())
	}
	writeJSON(w, append(b, '}'))
}
