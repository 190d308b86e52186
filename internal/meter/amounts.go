package meter

import "math"

// Amount names a quantity that every event carries and every sum adds up.
type Amount int

// The amounts. Their order is that of columns in CSV, of members in JSON and of what the Lua
// scripts return.
const (
	// Tokens are what quotas judge.
	Tokens Amount = iota
	// Events is 1 for each event.
	Events
	// NumAmounts is how many amounts there are.
	NumAmounts
)

// AmountSpec says what an amount is called in each place that keeps it.
type AmountSpec struct {
	// Name is the member of JSON and the heading of CSV.
	Name string
	// Column is the column of rollups, usage_daily and rollups_dropped.
	Column string
	// EventColumn is the column of events. An amount without one is 1 for each row.
	EventColumn string
	// Counter is the kind, a lower-case letter, of its counters in Valkey (scripts/counters.go).
	// The counters of a minute have the same letter in upper case.
	Counter byte
	// Total is the kind of the counter that adds up all features of a tenant. 0 means that
	// Valkey keeps none: who asks for the total adds up the features.
	Total byte
	// Sparse amounts are 0 for most events. Valkey keeps no counter of one that is 0.
	Sparse bool
}

// specs is the one list of amounts. ARCHITECTURE.md says what a new one takes besides its entry.
var specs = [NumAmounts]AmountSpec{
	Tokens: {
		Name: "tokens", Column: "total_tokens", EventColumn: "tokens", Counter: 't', Total: 's'},
	Events: {Name: "events", Column: "events", Counter: 'e'},
}

// Spec is the entry of a in the list.
func (a Amount) Spec() AmountSpec { return specs[a] }

// Amounts holds one int64 for each Amount. Values are signed: what takes back an event is
// negative. Two Amounts compare with ==.
type Amounts [NumAmounts]int64

// OneEvent is the amounts of an event with that many tokens.
func OneEvent(tokens int64) Amounts { return Amounts{Tokens: tokens, Events: 1} }

// Add is a + b. Each amount stops at 2^63-1 and -(2^63-1), so that every result has a negative.
func (a Amounts) Add(b Amounts) Amounts {
	for i := range a {
		a[i] = Add(a[i], b[i])
	}
	return a
}

// Sub is a - b, within the bounds of Add.
func (a Amounts) Sub(b Amounts) Amounts {
	for i := range b {
		b[i] = -max(b[i], -math.MaxInt64)
	}
	return a.Add(b)
}

// AddExact is a + b. ok is false if an amount does not fit an int64.
func (a Amounts) AddExact(b Amounts) (sum Amounts, ok bool) {
	for i := range a {
		sum[i] = a[i] + b[i]
		if (sum[i] > a[i]) != (b[i] > 0) {
			return Amounts{}, false
		}
	}
	return sum, true
}

// Totals is a without the amounts of which Valkey keeps no total.
func (a Amounts) Totals() Amounts {
	for i := range a {
		if specs[i].Total == 0 {
			a[i] = 0
		}
	}
	return a
}

// Add is a + b. It stops at 2^63-1 and -(2^63-1).
func Add(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < -math.MaxInt64-b:
		return -math.MaxInt64
	}
	return a + b
}
