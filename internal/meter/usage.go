package meter

import "time"

// Usage is what a tenant has used in its current billing period: settled in
// Postgres plus unsettled in Valkey.
type Usage struct {
	Tenant Tenant
	Period Period
	// Used is the period's total so far. Amounts without a total (AmountSpec) are 0: Features add
	// up to them.
	Used Amounts
	// Features are the parts of Used, those with most tokens first; nil where only the total was
	// asked for.
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
	Used    Amounts
}

// TenantDays is a tenant and the half-open range of its local days to add up.
type TenantDays struct {
	Tenant   string
	From, To Day
}
