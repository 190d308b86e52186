package alerter

import (
	"math/rand/v2"
	"time"
)

const (
	minBackoff = time.Second
	maxBackoff = time.Hour
	// giveUp is the age at which a delivery that still fails is dead.
	giveUp = 24 * time.Hour
)

// nextAttempt is when a delivery that was created at created and has just failed
// for the attempts-th time (1 or more) is tried again; ok is false if that would be
// more than 24 hours after created.
//
// The wait is exponential with full jitter: anything from one second to the cap,
// which is 2 s after the first attempt, doubles, and ends at an hour. That spreads the
// deliveries that an outage has held up. after is what the webhook has asked for
// (Retry-After) and lengthens the wait, never shortens it.
func nextAttempt(now, created time.Time, attempts int, after time.Duration) (at time.Time, ok bool) {
	limit := maxBackoff
	if attempts < 12 { // 2^12 s is more than an hour
		limit = min(minBackoff<<attempts, maxBackoff)
	}
	wait := minBackoff + rand.N(limit-minBackoff+1)
	at = now.Add(max(wait, after))
	return at, !at.After(created.Add(giveUp))
}
