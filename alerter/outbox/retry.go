package outbox

import (
	"math/rand/v2"
	"time"
)

const (
	minBackoff = time.Second
	maxBackoff = time.Hour
	// giveUp is the age at which a delivery that still fails is dead.
	giveUp = 24 * time.Hour
	// mostFew is how many answers in a row that are worth only a few attempts end a delivery. By
	// then 66 to 126 s have passed, which is enough to replace what is behind a proxy.
	mostFew = 7
)

// afterFew is nextAttempt for the n-th answer in a row, counted from 1, that is worth only a few
// attempts. Its waits are in the upper half of their range, so that the few attempts do not pass
// within seconds.
func afterFew(
	now, giveUpAt time.Time, n int, after time.Duration, random float64,
) (at time.Time, ok bool) {
	at, ok = nextAttempt(now, giveUpAt, n, after, (1+random)/2)
	return at, ok && n < mostFew
}

// nextAttempt returns when a delivery that has just failed for the attempts-th time (1 or more) is
// tried again. ok is false if that would be after giveUpAt.
//
// The wait is exponential with full jitter: between one second and a cap, which is 2 s after the
// first attempt and doubles up to an hour. The jitter spreads the deliveries that an outage has
// delayed. random, from 0 to below 1, is the place in that range. after is the wait that the
// webhook asked for (Retry-After). It lengthens the wait and never shortens it.
func nextAttempt(
	now, giveUpAt time.Time, attempts int, after time.Duration, random float64,
) (at time.Time, ok bool) {
	limit := maxBackoff
	if attempts < 12 { // 2^12 s is more than an hour
		limit = min(minBackoff<<attempts, maxBackoff)
	}
	wait := minBackoff + time.Duration(random*float64(limit-minBackoff))
	at = now.Add(max(wait, after))
	return at, !at.After(giveUpAt)
}

// random returns the jitter.
func random() float64 { return rand.Float64() }
