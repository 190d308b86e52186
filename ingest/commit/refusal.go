package commit

import (
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// The errors in this file say why a request was not counted. Package problem decides what each of
// them tells a client.

// Unavailable refuses a request that may succeed later. Its text is for clients: it says why, and
// whether anything was counted.
type Unavailable string

// Error returns the text.
func (u Unavailable) Error() string { return string(u) }

// The reasons for Unavailable.
const (
	// ErrBusy reports that the queue, or a flow's part of it, is full.
	ErrBusy Unavailable = "too many requests are waiting; nothing was counted"
	// ErrLate reports that a request has waited too long to be sent to Valkey.
	ErrLate Unavailable = "the event store did not answer in time; nothing was counted"
	// ErrFull reports that Valkey has no memory left.
	ErrFull Unavailable = "the event store is full; nothing was counted"
	// ErrRecovering reports that Valkey has lost writes and no flusher has recovered it yet.
	ErrRecovering Unavailable = "the event store has lost recent writes and is being recovered; " +
		"events without a definite answer may not be counted: repeat them with the same ids"
	// ErrUnknown reports that Valkey did not answer the call that may have counted the events.
	ErrUnknown Unavailable = "the event store did not answer in time; " +
		"whether the events were counted is not known: repeat them with the same ids"
	// ErrRefused reports any other error of Valkey.
	ErrRefused Unavailable = "the event store refused the events"
	// ErrUsageUnknown reports that no view of Postgres is fresh enough to judge a quota.
	ErrUsageUnknown Unavailable = "the usage of a tenant with an enforced quota is not known " +
		"while Postgres is down; nothing was counted"
	// ErrKeyInUse reports that another request under the same key is neither counted nor given up.
	ErrKeyInUse Unavailable = "another request with the same Idempotency-Key is being counted; " +
		"nothing of this one was"
	// ErrKeyTooNew reports a request's key while a flusher of an earlier version may run, or before
	// any flusher has worked.
	ErrKeyTooNew Unavailable = "an Idempotency-Key for a whole request is accepted once every " +
		"flusher is of this version; nothing was counted: until then give each event an id"
)

// IDInUse refuses a request whose event Index has the id of an event that is neither counted nor
// given up.
type IDInUse struct{ Index int }

// IDConflict refuses a request whose events at Indexes have ids of earlier events with other
// content.
type IDConflict struct{ Indexes []int }

// KeyConflict refuses a request whose key was used for a request with other events.
type KeyConflict struct{}

// CounterFull refuses a request whose event Index would overflow a counter.
type CounterFull struct{ Index int }

// RateLimited refuses a request until Reset is over.
type RateLimited struct {
	Tenant string // as people see it; "" if the rate is an API key's
	RateStatus
}

// LargerThanBurst refuses a request that can never pass, however long the client waits.
type LargerThanBurst struct {
	Tenant string // as people see it; "" if the rate is an API key's
	Rate   meter.Rate
	Events int
}

// QuotaExceeded refuses a request that would exceed a tenant's quota, of which Used tokens are used
// until the billing period ends.
type QuotaExceeded struct {
	Tenant      meter.Tenant
	Used, Asked int64 // tokens
	End         time.Time
}

// QuotaHeld refuses a request that fits into a tenant's quota only if a large request, which is
// being counted, is given up.
type QuotaHeld struct{ Tenant meter.Tenant }

// TooManyFeatures refuses a request whose events at Indexes have a feature that would be one more
// than the tenant may have.
type TooManyFeatures struct {
	Tenant, Feature string // the tenant as people see it
	Has             int64
	Most            int
	Indexes         []int
}

func (e IDInUse) Error() string         { return "an id is in a request that is not answered yet" }
func (e IDConflict) Error() string      { return "an id was used for another event" }
func (e KeyConflict) Error() string     { return "the key was used for another request" }
func (e CounterFull) Error() string     { return "a counter cannot hold more" }
func (e RateLimited) Error() string     { return "a rate limit is exceeded" }
func (e LargerThanBurst) Error() string { return "more events than may be sent at once" }
func (e QuotaExceeded) Error() string   { return "a quota is used up" }
func (e QuotaHeld) Error() string       { return "the rest of a quota is held by another request" }
func (e TooManyFeatures) Error() string { return "a tenant would have too many features" }
