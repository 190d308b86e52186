package outbox

import (
	"context"
	"errors"
)

// Result counts what Deliver did.
type Result struct {
	Delivered int // messages that a webhook has accepted
	Retried   int // attempts that failed and will be repeated
	Dead      int // deliveries given up
}

func (r *Result) count(outcome string) {
	switch outcome {
	case outcomeDelivered:
		r.Delivered++
	case outcomeRetried:
		r.Retried++
	case outcomeDead:
		r.Dead++
	}
}

// landed is the end of a flight: its URL is free again.
type landed struct {
	flight
	outcome string
	err     error // of the bookkeeping, not of the webhook
}

// Deliver sends everything that is due, until nothing is. It sends one message at a time to a URL,
// and to many URLs at once, so that a URL that hangs delays only itself. After Wake it also claims
// what is new.
//
// When ctx is done, it starts nothing more and returns after what is in flight has ended, which
// takes at most dbTime + notify.PostTime + dbTime = 20 s.
func (o *Outbox) Deliver(ctx context.Context) (Result, error) {
	var (
		result Result
		errs   []error
		flying = flights{map[string]bool{}, map[string]int{}}
		ended  = make(chan landed)
		stop   = ctx.Done()
	)
	for {
		for len(errs) == 0 && ctx.Err() == nil && len(flying.lanes) < maxInFlight {
			next, attempt, err := o.begin(ctx, flying)
			if err != nil {
				errs = append(errs, err)
			}
			if attempt == nil {
				break
			}
			flying.begin(next)
			o.metrics.inFlight.Inc()
			go func() {
				outcome, err := attempt()
				ended <- landed{next, outcome, err}
			}()
		}
		if len(flying.lanes) == 0 {
			return result, errors.Join(errs...)
		}
		select {
		case l := <-ended:
			flying.end(l.flight)
			o.metrics.inFlight.Dec()
			result.count(l.outcome)
			if l.err != nil {
				errs = append(errs, l.err)
			}
		case <-o.wake:
		case <-stop:
			stop = nil // a closed channel would be ready for ever
		}
	}
}

// begin claims a due delivery whose URL is free and returns the function that attempts it; nil if
// none is due.
func (o *Outbox) begin(
	ctx context.Context, flying flights,
) (next flight, attempt func() (outcome string, err error), err error) {
	// The lease is counted from before the claim, so that a process that was paused meanwhile does
	// not post after its lease. What was claimed is finished even if ctx ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease)
	claimCtx, cancelClaim := context.WithTimeout(ctx, dbTime)
	defer cancelClaim()
	d, err := o.claim(claimCtx, o.now(), flying.busy(o.breakers.held(flying.hosts)))
	if d == nil {
		cancel()
		return flight{}, nil, err
	}
	next = flight{string(d.Lane), d.Host.String}
	if d.Lane == nil {
		next.lane = d.ID.String()
	}
	return next, func() (string, error) {
		defer cancel()
		return o.attempt(ctx, d)
	}, nil
}
