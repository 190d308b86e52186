package ingest

import (
	"fmt"
	"net/http"

	"github.com/eduardosanzb/flagmeter/internal/httpd"
)

// onlyLocal refuses what may come from another machine. Where nobody is asked for a credential
// because only this machine can connect, a page in a browser of this machine, and a proxy in front
// of the process, connect from here for whoever is behind them.
func (s *Server) onlyLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if header := httpd.NotLocal(r, s.origins...); header != "" {
			s.metrics.authRefused("403")
			WriteProblem(w, problemNotLocal(header))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func problemNotLocal(header string) *Problem {
	return &Problem{Type: "/problems/not-local", Title: "Not from this machine", Status: http.StatusForbidden,
		Detail: fmt.Sprintf("nobody is asked for a credential here, so only this machine is answered, and the header %s is not from it: "+
			"set AUTH=required or, to answer everybody, AUTH=off", header)}
}
