package account

import (
	"net/http"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/httpd"
)

// OnlyLocal has refuse answer what may come from another machine, if the settings ask for that.
// Where no caller is asked for a credential because only this machine can connect, a page in a
// browser of this machine, and a proxy in front of the process, connect from here for whatever is
// behind them.
func (g *Guard) OnlyLocal(
	next http.Handler, refuse func(http.ResponseWriter, *http.Request, error),
) http.Handler {
	if !g.local {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if header := httpd.NotLocal(r, g.origins...); header != "" {
			g.refused[http.StatusForbidden].Inc()
			refuse(w, r, problem.NotLocal(header))
			return
		}
		next.ServeHTTP(w, r)
	})
}
