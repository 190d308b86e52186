package commit

import (
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// Result is the outcome of a request that was counted.
type Result struct {
	Events, Duplicates int
	Usage              []meter.Usage // of each tenant of the request
	Rates              []RateStatus  // the limits that judged it; each shard has its own
}

// result is the outcome of a submission: an error or the usage of its tenants.
type result struct {
	usages []meter.Usage
	err    error
	// rates are the limits that judged it.
	rates []RateStatus
	// outdated is not nil if the submission was not counted because that view of Postgres does not
	// know its tenants' usage.
	outdated *usage.ViewID
}
