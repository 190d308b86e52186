package auth

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Principal is who calls: what a credential that was accepted allows. It is immutable.
type Principal struct {
	// Scope is what it may do, and Tenant with whose data; "" is all tenants.
	Scope  Scope
	Tenant string
	// KeyID is the API key behind it, the zero UUID for a token.
	KeyID uuid.UUID
	// Rate limits the events that come with the key.
	Rate meter.Rate
	// Expires is when it ends by itself; zero: never.
	Expires time.Time
	// Kind is "key", "session" or "token", and "off" while nobody is asked for a credential.
	Kind string
	// signer is the public key that has signed the token; nil: it is none, or signed by the secret.
	signer *publicKey
}

// anyone is who calls while nobody is asked for a credential.
var anyone = &Principal{Scope: everything, Kind: "off"}

// May reports whether the scope is one that a route needs.
func (p *Principal) May(n Need) bool {
	return p.Scope&n.scope() == n.scope() && (n != ToReadAll && n != ToAdminAll || p.Tenant == "")
}

// Sees reports whether a tenant's data are among those that p may know of. To p, all other
// tenants do not exist.
func (p *Principal) Sees(tenant string) bool { return p.Tenant == "" || p.Tenant == tenant }

type contextKey struct{}

// With returns a context in which Of finds p.
func With(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// Of is who has made the request of a context: with AUTH=off somebody who may do everything.
func Of(ctx context.Context) *Principal {
	if p, ok := ctx.Value(contextKey{}).(*Principal); ok {
		return p
	}
	return anyone
}
