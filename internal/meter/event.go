package meter

import "time"

// Limits of a single event and of a request that carries events. They are part
// of the public contract of POST /events.
const (
	// MaxTokens is the largest token count of one event. A million events of
	// this size still fit an int64.
	MaxTokens = 1_000_000_000_000
	// MaxName is the longest tenant, feature or event id, in characters.
	MaxName = 128
	// MaxEvents is the largest number of events in one request.
	MaxEvents = 10_000
	// MaxBody is the largest request body, in bytes.
	MaxBody = 4 << 20
	// MaxAge is how far in the past an event's timestamp may lie.
	MaxAge = 35 * 24 * time.Hour
	// LeastRetention is the shortest time for which events, rollups and the ledger are kept: an
	// event may be MaxAge old when it comes, and then wait for a Postgres that is down. The
	// functions of migration 0010 refuse to drop anything younger.
	LeastRetention = MaxAge + 5*24*time.Hour
	// MaxAhead is how far in the future an event's timestamp may lie: room for
	// a client whose clock runs fast.
	MaxAhead = 5 * time.Minute
)

// Event is one use of a feature by a tenant: a model call and what it used.
type Event struct {
	// ID is the client's idempotency key; empty when it sent none.
	ID      string
	Tenant  string
	Feature string
	// Amounts are what it adds to sums: 0 to MaxTokens tokens, and 1 event. An event without tokens
	// counts as an event.
	Amounts Amounts
	// At is when the event happened, in UTC, to the microsecond. The zero time
	// means "when it arrived" and is filled in before the event is stored.
	At time.Time
}

// CheckTokens says what is wrong with a token count; "" means it is fine.
func CheckTokens(n int64) string {
	if n < 0 || n > MaxTokens {
		return "must be an integer from 0 to 1000000000000"
	}
	return ""
}

// CheckTime says what is wrong with a client's timestamp when it arrives at now;
// "" means it is fine.
func CheckTime(at, now time.Time) string {
	switch {
	case at.Before(now.Add(-MaxAge)):
		return "must not be more than 35 days in the past"
	case at.After(now.Add(MaxAhead)):
		return "must not be more than 5 minutes in the future"
	}
	return ""
}
