package ingest

import (
	"context"

	"github.com/eduardosanzb/flagmeter/internal/auth"
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
