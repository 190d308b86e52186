package account

import (
	"net/http"
	"slices"

	"github.com/rs/cors"
)

// preflightAge is how long a browser may remember what it was allowed, in seconds.
const preflightAge = 600

// CORS lets pages of the given origins use the API, each with a token that it sends in
// Authorization: their cookies count for nothing, and no answer allows them any.
// Without origins there is no CORS at all. The same origins may open GET /live.
func (g *Guard) CORS(next http.Handler) http.Handler {
	if len(g.origins) == 0 {
		return next
	}
	shared := cors.New(cors.Options{
		// Not AllowedOrigins, which takes patterns and ignores case.
		AllowOriginFunc: func(origin string) bool { return slices.Contains(g.origins, origin) },
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
			http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"authorization", "content-encoding", "content-type",
			"idempotency-key", "if-none-match", "traceparent", "x-request-id"},
		ExposedHeaders: []string{"ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-As-Of",
			"X-Complete-To", "X-Dedupe-Window", "X-Request-Id"},
		MaxAge: preflightAge,
	}).Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A browser sends cookies along when such a page opens a WebSocket.
		if !g.ownPage(r) {
			r.Header.Del("Cookie")
		}
		shared.ServeHTTP(w, r)
	})
}
