package meter

import (
	"math"
	"math/bits"
	"time"
)

// projectFrom is how much of a period must be over before its pace is reported: the first event of
// a month says nothing about the rest of it.
const projectFrom = time.Hour

// Projection says where a tenant's usage is heading if the average of its period so far goes
// on. It is a straight line on purpose: people can check it with a pocket calculator.
type Projection struct {
	// PerDay is the pace: tokens in 24 hours, rounded down.
	PerDay int64
	// Total is the tokens at the period's end, rounded down; at least those used already.
	Total int64
	// Exhausted is when the quota will be used up, UTC, to the second. It is zero without a
	// quota, if the quota is used up already, and if it lasts until the period ends.
	Exhausted time.Time
}

// Project carries usage on to the end of its period, as seen at AsOf. It reports false while
// that cannot be told: in the first hour of the period, and at an AsOf outside of it.
func (u Usage) Project() (Projection, bool) {
	elapsed, whole := u.AsOf.Sub(u.Period.Start), u.Period.End.Sub(u.Period.Start)
	if elapsed < projectFrom || elapsed > whole {
		return Projection{}, false
	}
	p := Projection{
		PerDay: scale(u.Used[Tokens], 24*time.Hour, elapsed),
		Total:  max(u.Used[Tokens], scale(u.Used[Tokens], whole, elapsed)),
	}
	if quota := u.Tenant.Quota; 0 < u.Used[Tokens] && u.Used[Tokens] < quota {
		lasts := time.Duration(scale(quota, elapsed, time.Duration(u.Used[Tokens])))
		if lasts < whole {
			p.Exhausted = u.Period.Start.Add(lasts).Truncate(time.Second)
		}
	}
	return p, true
}

// scale is n * by / per, rounded down, at most 2^63-1. n and by must not be negative, per
// must be positive.
func scale(n int64, by, per time.Duration) int64 {
	hi, lo := bits.Mul64(uint64(max(n, 0)), uint64(by))
	if hi >= uint64(per) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(per))
	return int64(min(q, math.MaxInt64))
}
