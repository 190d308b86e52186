package ingest

import (
	"net/http"
	"strings"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/httpd"
)

// Handler is the API without a server around it. POST /events works only while Run does.
func (s *Server) Handler() http.Handler {
	router := &httprouter.Router{HandleMethodNotAllowed: true, PanicHandler: s.panicked}
	router.MethodNotAllowed = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, problem.Method(r.Method))
	})
	router.NotFound = s.nothing(router)
	for _, route := range s.table() {
		router.Handle(route.method, route.path, s.serve(route))
	}
	handler := s.guard.OnlyLocal(s.guard.CORS(escapedPaths(router)), s.refuse)
	return s.observer.Handler(httpd.Guard(handler, s.http.headers))
}

// panicked answers a request whose handler has panicked, or breaks off the answer that the handler
// has begun: half an answer must not look like a whole one.
func (s *Server) panicked(w http.ResponseWriter, r *http.Request, value any) {
	if value == http.ErrAbortHandler { // the handler breaks off an answer
		panic(value)
	}
	httpd.Logger(w, s.backend.Log).Error("request panicked",
		"method", r.Method, "path", r.URL.Path, "panic", value)
	if httpd.Begun(w) {
		panic(http.ErrAbortHandler)
	}
	s.refuse(w, r, problem.Internal())
}

// nothing answers what router has no route for. A route of the API with a slash behind it is
// answered as that route. The page is not: /usage/ is more likely a URL into which no tenant was
// put, and its sender does not want a page.
func (s *Server) nothing(router *httprouter.Router) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, slash := strings.CutSuffix(r.URL.Path, "/")
		if !slash || path == "" || !isRoute(router, path) {
			s.refuse(w, r, problem.NotFound(r.URL.Path, ""))
			return
		}
		if path == pathPage {
			s.refuse(w, r, problem.NotFound(r.URL.Path, path+" (the dashboard) or "+path+"/:tenant"))
			return
		}
		u := *r.URL
		u.Path, u.RawPath = path, ""
		own := *r
		own.URL = &u
		router.ServeHTTP(w, &own)
	})
}

// isRoute reports whether there is a route of any method at a path.
func isRoute(router *httprouter.Router, path string) bool {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		if handle, _, _ := router.Lookup(method, path); handle != nil {
			return true
		}
	}
	return false
}

// escapedPaths routes by the path as it is escaped, because a tenant's name may
// contain a slash. Handlers unescape their parameters: all paths must be escaped then,
// or a tenant called 100% could not be asked for.
func escapedPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if escaped := r.URL.EscapedPath(); escaped != r.URL.Path {
			u := *r.URL
			u.Path = escaped
			clone := *r
			clone.URL = &u
			r = &clone
		}
		next.ServeHTTP(w, r)
	})
}
