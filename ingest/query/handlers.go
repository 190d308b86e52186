package query

import (
	"sync"

	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/fair"
)

// Handlers answer questions. They are safe for concurrent use.
type Handlers struct {
	backend   backend.Backend
	guard     *account.Guard
	budget    *budget.Budget // the memory for answers
	snapshots *Snapshotter
	exports   *fair.Limit[budget.Holder]
	charts    *fair.Limit[budget.Holder] // series as JSON
	heavies   chan struct{}              // a value for each heavy query that runs
	bodies    sync.Pool                  // of *[]byte: answers of GET /tenants
}

// New returns the handlers for the callers of a guard. They share snapshots with live clients.
func New(b backend.Backend, guard *account.Guard, memory *budget.Budget, snapshots *Snapshotter) *Handlers {
	return &Handlers{
		backend: b, guard: guard, budget: memory, snapshots: snapshots,
		exports: turns(maxExports, allExports), charts: turns(maxSeriesAtOnce, 0),
		heavies: make(chan struct{}, heavyQueries),
	}
}
