// Package manage changes what operators set up, for callers with the scope admin for all tenants.
//
//	Handlers rename.go    PATCH /tenants/:tenant: gives a tenant another name
//	         prices.go    /prices: lists prices, and adds those of a request (price_request.go)
//
// A request changes everything that it asks for, or nothing.
package manage

import (
	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/backend"
)

// Handlers answer requests that change or list settings. They are safe for concurrent use.
type Handlers struct {
	backend backend.Backend
	guard   *account.Guard
}

// New returns handlers for the callers of a guard.
func New(b backend.Backend, guard *account.Guard) *Handlers { return &Handlers{b, guard} }
