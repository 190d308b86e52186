package intake

import (
	"runtime"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/fair"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Settings say what is taken in. The zero value takes events of known tenants.
type Settings struct {
	// AutoCreate adds unknown tenants with DefaultQuota tokens, 0 for none.
	AutoCreate   bool
	DefaultQuota int64
	// DefaultThresholds are theirs, in percent.
	DefaultThresholds []int
	// MaxInFlight is how many requests with events are in hand of an API key; 0: any number.
	MaxInFlight int
}

// Handlers take events in. They are safe for concurrent use.
type Handlers struct {
	backend      backend.Backend
	commit       *commit.Committers
	budget       *budget.Budget // the memory for requests
	newTenant    meter.Tenant   // what an unknown tenant becomes
	autoCreate   bool
	dedupeWindow []string // the value of dedupeHeader

	inFlight *fair.Limit[string] // requests with events, by API key
	reading  *fair.Gate          // of large bodies
	large    *fair.Gate          // of requests that are likely to be staged
	// turnLimit is how long those wait for their turn.
	turnLimit time.Duration
}

// New returns handlers whose events the committers count.
func New(b backend.Backend, s Settings, c *commit.Committers, memory *budget.Budget) *Handlers {
	return &Handlers{
		backend: b, commit: c, budget: memory, autoCreate: s.AutoCreate,
		newTenant: meter.Tenant{Quota: s.DefaultQuota, BillingDay: 1, Zone: time.UTC,
			Thresholds: append([]int{}, s.DefaultThresholds...)},
		dedupeWindow: dedupeSeconds(c.Dedupe()),
		inFlight:     fair.NewLimit(fair.Each[string](s.MaxInFlight), 0),
		reading:      fair.NewGate(runtime.GOMAXPROCS(0) - 1), // the last processor is for small ones
		large:        fair.NewGate(1 + c.LargeAtOnce()),       // one is decoded while others are stored
		turnLimit:    turnLimit,
	}
}
