package commit

import (
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// RateStatus says how much of a rate limit is left.
type RateStatus struct {
	Policy    string // PolicyTenant or PolicyKey
	Rate      meter.Rate
	Remaining int64 // events that may be sent at once
	// Reset is the time until the bucket is empty again or, in a refusal, until the request would
	// pass.
	Reset time.Duration
}

// The names of the policies in the RateLimit headers.
const (
	PolicyTenant = "tenant"
	PolicyKey    = "key"
)
