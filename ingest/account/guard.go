package account

import (
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
)

// Settings say who may call. The zero value permits every caller everything.
type Settings struct {
	// Gate identifies callers; nil: no caller is asked for a credential.
	Gate *auth.Gate
	// OnlyLocal refuses requests that may come from another machine. It is for a server without
	// a Gate that relies on no other machine reaching it.
	OnlyLocal bool
	// KeyLimits bound how many API keys POST /keys makes; zero: nothing does.
	KeyLimits store.KeyLimits
	// CORSOrigins are the origins of other hosts whose pages may use the API.
	CORSOrigins []string
	// PublicURL is where browsers reach the API through a proxy, without a path; empty: where
	// they say.
	PublicURL string
}

// Guard admits callers. It is safe for concurrent use.
type Guard struct {
	gate    *auth.Gate
	tenants *tenants.Directory
	local   bool
	origins []string
	origin  string                     // of pages behind a proxy; "" if the settings do not say
	refused map[int]prometheus.Counter // by status
}

// NewGuard returns a guard and registers its metrics, unless reg is nil.
func NewGuard(s Settings, known *tenants.Directory, reg prometheus.Registerer) *Guard {
	f := promauto.With(reg)
	refused := f.NewCounterVec(prometheus.CounterOpts{Name: "flagmeter_auth_refused_total",
		Help: "Requests refused for want of a valid credential (401) or of its scope (403).",
	}, []string{"status"})
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "flagmeter_auth_jwks_age_seconds",
		Help: "Time since the set of public keys that tokens are checked by (JWT_JWKS) was last read, " +
			"or since the start; 0 without one.",
	}, func() float64 { return s.Gate.KeysAge().Seconds() })
	return &Guard{
		gate: s.Gate, tenants: known, local: s.OnlyLocal,
		origins: s.CORSOrigins, origin: originOf(s.PublicURL),
		// There from the start, so that the first refusal can be seen as an increase.
		refused: map[int]prometheus.Counter{
			http.StatusUnauthorized: refused.WithLabelValues("401"),
			http.StatusForbidden:    refused.WithLabelValues("403"),
		},
	}
}

// Ready reports whether the tenants are known, and the API keys if callers are asked for one. Until
// then a 404 for each tenant would be wrong.
func (g *Guard) Ready() bool {
	return g.tenants.Loaded() && (g.gate == nil || g.gate.Loaded())
}

// Admit returns the request of a caller who has what a route needs, as a handler is to see it:
// auth.Of finds the caller. With AUTH=off every caller is admitted.
func (g *Guard) Admit(r *http.Request, need auth.Need) (*http.Request, error) {
	if g.gate == nil || need == auth.Public {
		return r, nil
	}
	who, err := g.gate.Authenticate(r)
	if err == nil {
		who, err = g.byKey(who)
	}
	if err != nil {
		return nil, g.refuse(err)
	}
	if !who.May(need) {
		return nil, g.forbid(need)
	}
	return r.WithContext(auth.With(r.Context(), who)), nil
}

// StillValid reports whether the credential of a request that lasts is still good.
func (g *Guard) StillValid(r *http.Request) bool {
	return g.gate == nil || g.gate.Still(auth.Of(r.Context()))
}

// refuse counts an error of the gate, and returns the error that answers it.
func (g *Guard) refuse(err error) error {
	switch {
	case errors.Is(err, auth.ErrNotReady):
	case errors.Is(err, auth.ErrCrossOrigin):
		g.refused[http.StatusForbidden].Inc()
	default:
		g.refused[http.StatusUnauthorized].Inc()
		return auth.ErrUnauthorized
	}
	return err
}

// forbid counts a caller without the scope that a route needs, and returns the refusal.
func (g *Guard) forbid(need auth.Need) error {
	g.refused[http.StatusForbidden].Inc()
	return problem.Forbidden(need)
}
