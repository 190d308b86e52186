package ingest

import (
	"context"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// caller is the API key that a request was sent with, the tenant it is bound to and its limit; zero
// if it had none.
type caller struct {
	id     uuid.UUID
	tenant string
	rate   meter.Rate
}

// key is the key's id as text.
func (c caller) key() string { return c.id.String() }

// callerOf is who sent the request of ctx.
func callerOf(ctx context.Context) caller {
	who := auth.Of(ctx)
	return caller{who.KeyID, who.Tenant, who.Rate}
}

// flow names the queue that the caller's large bodies wait in.
func (c caller) flow() string { return c.tenant + "\t" + string(c.id[:]) }

// known reports whether the request had a credential.
func (c caller) known() bool { return c.id != uuid.UUID{} || c.tenant != "" }
