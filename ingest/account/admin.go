package account

import (
	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Admin changes and lists API keys for callers with the scope admin.
type Admin struct {
	backend backend.Backend
	guard   *Guard
	limits  store.KeyLimits
}

// NewAdmin returns an Admin for the callers of a guard, which makes as many API keys as the limits
// allow.
func NewAdmin(b backend.Backend, guard *Guard, limits store.KeyLimits) *Admin {
	return &Admin{backend: b, guard: guard, limits: limits}
}
