package ingest

import (
	"context"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// caller is the API key that a request was sent with, and its limit; zero if it had none.
type caller struct {
	key  string
	rate meter.Rate
}

// callerOf is who sent the request of ctx.
func callerOf(context.Context) caller { return caller{} }
