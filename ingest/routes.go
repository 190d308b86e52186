package ingest

import (
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/intake/native"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/httpd"
	"github.com/eduardosanzb/flagmeter/web"
)

// route is what the API answers at a path.
type route struct {
	need         auth.Need
	ready        bool // answered 503 until the process knows the tenants and the keys
	method, path string
	handle       handler
}

// handler answers a request, or returns why it does not: see problem.Write.
type handler func(http.ResponseWriter, *http.Request, httprouter.Params) error

// The readiness that a route asks for.
const (
	ready  = true
	always = false
)

// table lists every route: what it asks of callers, whether it waits for the stores, method, path
// and handler. HEAD is added to each GET.
func (s *Server) table() []route {
	pages := plain(web.Handler(s.http.embedders...))
	events := s.intake.Post(native.Decoder{Tenants: s.backend.Tenants})
	table := []route{
		{auth.ToIngest, ready, "POST", "/events", events},
		{auth.ToRead, ready, "GET", "/usage/:tenant", s.query.Usage},
		{auth.ToRead, ready, "GET", "/usage/:tenant/series", s.query.Series},
		{auth.ToRead, ready, "GET", "/usage/:tenant/series.csv", s.query.SeriesCSV},
		{auth.ToRead, ready, "GET", "/usage/:tenant/events.csv", s.query.EventsCSV},
		{auth.ToRead, ready, "GET", "/tenants", s.query.Tenants},
		{auth.ToRead, ready, "GET", "/tenants.csv", s.query.TenantsCSV},
		{auth.ToAdminAll, ready, "PATCH", "/tenants/:tenant", s.manage.RenameTenant},
		{auth.ToAdminAll, ready, "GET", "/prices", s.manage.ListPrices},
		{auth.ToAdminAll, ready, "POST", "/prices", s.manage.AddPrices},
		{auth.ToRead, ready, "GET", "/alerts", s.query.Alerts},
		{auth.ToRead, ready, "GET", pathLive, s.live.Open},
		{auth.ToAdmin, ready, "GET", "/keys", s.admin.ListKeys},
		{auth.ToAdmin, ready, "POST", "/keys", s.admin.CreateKey},
		{auth.ToAdmin, ready, "DELETE", "/keys/:id", s.admin.RevokeKey},
		{auth.ToRead, always, "GET", "/session", s.guard.Session},
		{auth.Public, always, "POST", "/session", s.guard.SignIn},
		{auth.Public, always, "DELETE", "/session", s.guard.SignOut},

		{auth.Public, always, "GET", "/healthz", s.getHealth},
		{auth.Public, ready, "GET", "/readyz", s.getReady},
		{auth.Public, always, "GET", "/openapi.yaml", getOpenAPI},
		{auth.Public, always, "GET", pathPage, pages},
		{auth.Public, always, "GET", "/assets/:version/*path", pages},
		{auth.Public, always, "GET", "/", plain(http.HandlerFunc(toPage))},
	}
	if s.registry != nil {
		scrape := plain(httpd.Scrape(s.registry))
		table = append(table, route{auth.ToReadAll, always, "GET", "/metrics", scrape})
	}
	for _, r := range table {
		if r.method == http.MethodGet && r.path != pathLive { // net/http leaves the body out
			r.method = http.MethodHead
			table = append(table, r)
		}
	}
	return table
}

const (
	pathLive = "/live"
	pathPage = "/usage"
)

// plain is a handler that answers every request.
func plain(h http.Handler) handler {
	return func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

// serve answers the requests of a route.
func (s *Server) serve(route route) httprouter.Handle {
	observed := s.observer.Route(route.method, route.path)
	return func(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
		observed.Takes(w)
		admitted, err := s.guard.Admit(r, route.need)
		switch {
		case err != nil:
		case route.ready && !s.guard.Ready():
			err = problem.Starting()
		default:
			err = route.handle(w, admitted, params)
		}
		if err != nil {
			s.refuse(w, r, err)
		}
	}
}

// refuse is the one way in which a request is answered that a handler does not answer.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	problem.Write(w, r, s.backend.Log, err)
}

// toPage leads from / to the dashboard, without the page that http.Redirect would send.
func toPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Location", pathPage)
	w.WriteHeader(http.StatusFound)
}
