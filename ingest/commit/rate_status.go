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
	// Reset is the time until the bucket is empty again. In a refusal it is the time until the
	// request would pass.
	Reset time.Duration
}

// The names of the policies in the RateLimit headers.
const (
	PolicyTenant = "tenant"
	PolicyKey    = "key"
)

// statusAt returns the status of a bucket at a level.
func statusAt(policy string, rate meter.Rate, level int64) RateStatus {
	return RateStatus{Policy: policy, Rate: rate, Remaining: max(0, (rate.Burst*micro-level)/micro),
		Reset: time.Duration((level+rate.PerSecond-1)/rate.PerSecond) * time.Microsecond}
}
