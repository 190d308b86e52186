package auth

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Principal is the caller: what an accepted credential allows. It is immutable.
type Principal struct {
	// Scope is what the caller may do, and Tenant with whose data; "" means all tenants.
	Scope  Scope
	Tenant string
	// KeyID is the API key behind it, the zero UUID for a token.
	KeyID uuid.UUID
	// Rate limits the events sent with the key.
	Rate meter.Rate
	// Expires is when the credential expires; zero: never.
	Expires time.Time
	// Kind is "key", "session" or "token", and "off" while no credential is required.
	Kind string
	// signer is the public key that signed the token; nil: no token, or signed with the secret.
	signer *publicKey
}

// anyone is the caller while no credential is required.
var anyone = &Principal{Scope: everything, Kind: "off"}

// May reports whether the scope satisfies a route's need.
func (p *Principal) May(n Need) bool {
	return p.Scope&n.scope() == n.scope() && (n != ToReadAll && n != ToAdminAll || p.Tenant == "")
}

// Sees reports whether p may know of a tenant. To p, all other tenants do not exist.
func (p *Principal) Sees(tenant string) bool { return p.Tenant == "" || p.Tenant == tenant }

type contextKey struct{}

// With returns a context in which Of finds p.
func With(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// Of returns the caller of a context's request: with AUTH=off, a caller who may do everything.
func Of(ctx context.Context) *Principal {
	if p, ok := ctx.Value(contextKey{}).(*Principal); ok {
		return p
	}
	return anyone
}
