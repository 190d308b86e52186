package account

import (
	"net/http"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// maxKeyRequest bounds the body of POST /keys, in bytes.
const maxKeyRequest = 4 << 10

// The bounds of a page of keys.
const (
	defaultKeys = 100
	maxKeys     = 1000
)

// keyRequest is the body of POST /keys.
type keyRequest struct {
	Scope     string     `json:"scope"`
	Tenant    *string    `json:"tenant"`
	Name      string     `json:"name"`
	ExpiresAt *time.Time `json:"expiresAt"`
	RateLimit *int64     `json:"rateLimit"`
	RateBurst *int64     `json:"rateBurst"`
}

// keyQuery reads the parameters of GET /keys.
func keyQuery(r *http.Request) (store.APIKeyQuery, error) {
	q := param.Parse(r, "limit", "cursor")
	ask := store.APIKeyQuery{
		Tenant: auth.Of(r.Context()).Tenant, Limit: q.Integer("limit", defaultKeys, 1, maxKeys),
	}
	if q.Values.Has("cursor") {
		var err error
		if ask.AfterCreated, ask.AfterID, err = param.DecodeCursor(q.Values.Get("cursor")); err != nil {
			q.Refuse("cursor", "is not one that an answer has named as next")
		}
	}
	return ask, q.Err()
}

// parseKey reads which key to create.
func (a *Admin) parseKey(w http.ResponseWriter, r *http.Request) (auth.NewKey, error) {
	var ask keyRequest
	err := param.Body(w, r, maxKeyRequest, &ask,
		"scope, tenant, name, expiresAt, rateLimit and rateBurst, each once",
		func(detail string) error { return problem.InvalidKey("", detail) })
	if err != nil {
		return auth.NewKey{}, err
	}
	k, err := ask.key(a.backend.Now())
	if err != nil {
		return k, err
	}
	if err := a.bindKey(r, ask.Tenant, &k); err != nil {
		return k, err
	}
	return k, a.boundKey(auth.Of(r.Context()), &k)
}

// key is the key that is asked for, whoever asks, and of whatever tenant.
func (ask keyRequest) key(now time.Time) (auth.NewKey, error) {
	k := auth.NewKey{Scope: ask.Scope, Name: ask.Name}
	if _, err := auth.ParseScopes(k.Scope); err != nil {
		return k, problem.InvalidKey("scope", err.Error())
	}
	if wrong := meter.CheckName(k.Name); k.Name != "" && wrong != "" {
		return k, problem.InvalidKey("name", wrong)
	}
	if ask.ExpiresAt != nil {
		if k.Expires = *ask.ExpiresAt; !k.Expires.After(now) {
			return k, problem.InvalidKey("expiresAt", "must be in the future")
		}
	}
	switch {
	case ask.RateLimit == nil && ask.RateBurst == nil:
	case ask.RateLimit == nil || *ask.RateLimit < 1 || *ask.RateLimit > meter.MaxRate:
		return k, problem.InvalidKey("rateLimit", "must be an integer from 1 to 1000000")
	case ask.RateBurst != nil && (*ask.RateBurst < 1 || *ask.RateBurst > meter.MaxBurst):
		return k, problem.InvalidKey("rateBurst", "must be an integer from 1 to 1000000000")
	default:
		k.Rate = meter.Rate{PerSecond: *ask.RateLimit, Burst: *ask.RateLimit}
		if ask.RateBurst != nil {
			k.Rate.Burst = *ask.RateBurst
		}
	}
	return k, nil
}

// bindKey makes k a key of a tenant, if one is named. A caller that is bound to a tenant makes keys
// of that tenant only.
func (a *Admin) bindKey(r *http.Request, tenant *string, k *auth.NewKey) error {
	if tenant == nil {
		if auth.Of(r.Context()).Tenant != "" {
			p := problem.Forbidden(auth.ToAdmin)
			p.Detail = "a key that is bound to a tenant makes keys of that tenant only"
			return p
		}
		return nil
	}
	known, err := a.guard.Tenant(r.Context(), *tenant)
	if err != nil {
		if wrong := meter.CheckReserved(*tenant); wrong != "" {
			return problem.InvalidKey("tenant", wrong+"; a key without tenant is one of all tenants")
		}
		return err
	}
	k.Tenant = known.Name
	return nil
}

// boundKey holds a new key against the one that makes it, which must not outlive itself nor send
// faster than it may. What is not asked for is that of the maker.
func (a *Admin) boundKey(who *auth.Principal, k *auth.NewKey) error {
	k.Limits = a.limits
	if a.guard.gate == nil {
		k.OpenMode = true
		return nil
	}
	k.Maker = who.KeyID
	maker := *who
	if who.Kind == "session" { // the key behind it may live for longer
		if key, ok := a.guard.gate.Key(who.KeyID); ok {
			maker = key
		}
	}
	switch {
	case maker.Expires.IsZero():
	case k.Expires.IsZero():
		k.Expires = maker.Expires
	case k.Expires.After(maker.Expires):
		return problem.InvalidKey("expiresAt", "must not be after "+
			maker.Expires.UTC().Format(time.RFC3339)+", when the key that makes it ends")
	}
	switch {
	case !maker.Rate.Limited():
	case !k.Rate.Limited():
		k.Rate = maker.Rate
	case k.Rate.PerSecond > maker.Rate.PerSecond:
		return problem.InvalidKey("rateLimit", "must not be above that of the key that makes it")
	case k.Rate.Burst > maker.Rate.Burst:
		return problem.InvalidKey("rateBurst", "must not be above that of the key that makes it")
	}
	return nil
}
