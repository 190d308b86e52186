package outbox

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
)

// What the tests in package outbox_test use.

const (
	BreakerTrips     = breakerTrips
	GiveUp           = giveUp
	Lease            = lease
	Pace             = pace
	OutcomeDelivered = outcomeDelivered
	OutcomeRetried   = outcomeRetried
	OutcomeDead      = outcomeDead
)

type Delivery = delivery

func (o *Outbox) SetBreakerPause(d time.Duration) { o.breakers.pause = d }
func (o *Outbox) SetTimeout(d time.Duration)      { o.sender.SetTimeout(d) }

// Claim claims a delivery while the URLs are being posted to.
func (o *Outbox) Claim(ctx context.Context, busyURLs ...string) (*Delivery, error) {
	var b busy
	for _, url := range busyURLs {
		digest := sha256.Sum256([]byte(url))
		b.lanes = append(b.lanes, digest[:])
	}
	return o.claim(ctx, o.now(), b)
}

func (o *Outbox) Post(ctx context.Context, d *Delivery) notify.Reply {
	return o.post(ctx, d, o.log)
}

// Record records an outcome at the present time.
func (o *Outbox) Record(ctx context.Context, d *Delivery, r notify.Reply, outcome string) error {
	return o.record(ctx, d, r, verdict{outcome: outcome, now: o.now(), nextAttempt: o.now()})
}
