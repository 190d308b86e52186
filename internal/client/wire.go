package client

import "time"

// Event is one use of a feature by a tenant, as POST /events takes it.
type Event struct {
	Tenant  string `json:"tenant"`
	Feature string `json:"feature"`
	// Tokens is 0 to 10^12.
	Tokens int64 `json:"tokens"`
	// ID makes the event count once however often it is sent: 1 to 128 characters,
	// unique within the tenant. An event without one must not be sent twice.
	ID string `json:"id,omitempty"`
	// Timestamp is when the event happened, at most 35 days ago; the zero time means
	// when it arrives.
	Timestamp time.Time `json:"timestamp,omitzero"`
}

// Result is the answer to a batch that was taken: Accepted + Duplicates = its events.
type Result struct {
	Accepted int64 `json:"accepted"`
	// Duplicates are events whose id had been counted before, possibly by an earlier
	// attempt of the same call whose answer was lost.
	Duplicates int64 `json:"duplicates"`
	// Usage has one entry per tenant of the batch, with the batch counted.
	Usage []Usage `json:"usage"`
	// DedupeWindow is how long the server remembers the ids at least, in whole seconds; 0 if
	// it does not say so.
	DedupeWindow time.Duration `json:"-"`
}

// Usage is what a tenant has used of its quota in its current billing period.
type Usage struct {
	Tenant      string `json:"tenant"`
	TotalTokens int64  `json:"totalTokens"`
	// Quota, QuotaPercent and Remaining are nil for a tenant without a quota.
	Quota        *int64    `json:"quota"`
	QuotaPercent *float64  `json:"quotaPercent"`
	Remaining    *int64    `json:"remaining"`
	PeriodStart  time.Time `json:"periodStart"`
	PeriodEnd    time.Time `json:"periodEnd"`
	// Stale says that the figure may be behind because the server misses a store.
	Stale bool `json:"stale"`
}

// Tenants is every tenant's usage at the instant AsOf, sorted by name.
type Tenants struct {
	Tenants []Usage   `json:"tenants"`
	AsOf    time.Time `json:"asOf"`
	Stale   bool      `json:"stale"`
}
