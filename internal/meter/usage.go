package meter

import "time"

// Usage is what a tenant has used in its current billing period: settled in
// Postgres plus unsettled in Valkey.
type Usage struct {
	Tenant Tenant
	Period Period
	// Tokens is the period's total so far.
	Tokens int64
	// Features are the parts of Tokens, largest first; nil where only the total was asked for.
	Features []FeatureUsage
	// AsOf is the instant of the answer, UTC.
	AsOf time.Time
	// Stale means that Postgres could not be read for longer than settled batches
	// are kept in Valkey: the figure may miss some of them.
	Stale bool
}

// FeatureUsage is one feature's part of a tenant's usage.
type FeatureUsage struct {
	Feature string
	Tokens  int64
	Events  int64
}

// TenantDays is a tenant and the half-open range of its local days to add up.
type TenantDays struct {
	Tenant   string
	From, To Day
}
