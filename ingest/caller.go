package ingest

import (
	"context"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// caller is the API key that a request was sent with, and its limit; zero if it had none.
type caller struct {
	key  string
	rate meter.Rate
}

// callerOf is who sent the request of ctx.
func callerOf(ctx context.Context) caller {
	who := auth.Of(ctx)
	if !who.Rate.Limited() {
		return caller{}
	}
	return caller{who.KeyID.String(), who.Rate}
}

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
