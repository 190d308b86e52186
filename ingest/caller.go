package ingest

import (
	"context"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/budget"
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

// holderOf is who shares a part of the memory, and of other places, with the request of ctx:
// all who are bound to the same tenant, or else have the same key. Tokens that are bound to
// none are one holder; with AUTH=off everybody is the zero Holder.
func holderOf(ctx context.Context) budget.Holder {
	who := auth.Of(ctx)
	switch {
	case who.Tenant != "":
		return budget.Holder{Tenant: who.Tenant}
	case who.Kind == "off":
		return budget.Holder{}
	case who.Kind == "token":
		return budget.Holder{Kind: who.Kind}
	}
	return budget.Holder{Key: who.KeyID}
}
