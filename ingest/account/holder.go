package account

import (
	"context"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/budget"
)

// Holder is who shares a part of the memory, and of other places, with the request of ctx: all who
// are bound to the same tenant, or else have the same key. Tokens that are bound to no tenant are
// one holder; with AUTH=off all callers are the zero Holder.
func Holder(ctx context.Context) budget.Holder {
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
