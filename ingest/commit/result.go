package commit

import (
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// Result is what became of a request that was counted.
type Result struct {
	Events, Duplicates int
	Usage              []meter.Usage // of each tenant of the request
	Rates              []RateStatus  // the limits that it was held against; each shard has its own
}

// result is what became of a submission: an error or the usage of its tenants.
type result struct {
	usages []meter.Usage
	err    error
	// rates are the limits that it was held against.
	rates []RateStatus
	// outdated is not nil if it was not counted because what its tenants have used cannot be
	// told with that view of Postgres.
	outdated *usage.ViewID
}
