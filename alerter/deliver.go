package alerter

import (
	"context"
	"errors"
	"log/slog"

	"time"

	"github.com/eduardosanzb/flagmeter/internal/failpoint"
)

const (
	// maxInFlight is how many requests there may be at once. Retries take at most half of
	// them, so that webhooks that hang leave room for new alerts.
	maxInFlight = 128
	// maxPerHost is how many of them may be to one host.
	maxPerHost = 8
	// stepPost is the number of the POST in the package comment.
	stepPost = 7
	// dbTime bounds each database call of a delivery and each tenant's transaction.
	dbTime = 5 * time.Second
)

// sent is the end of an attempt: its URL is free again.
type sent struct {
	lane, host string
	outcome    string
	err        error // of the bookkeeping, not of the webhook
}

// flights are the attempts under way.
type flights struct {
	lanes map[string]bool
	hosts map[string]int
}

// busy is what the next claim must pass over.
func (f flights) busy(held []string) busy {
	b := busy{held: held, first: len(f.lanes) >= maxInFlight/2}
	for lane := range f.lanes {
		b.lanes = append(b.lanes, []byte(lane))
	}
	for host, n := range f.hosts {
		if n >= maxPerHost {
			b.full = append(b.full, host)
		}
	}
	return b
}

func (f flights) begin(lane, host string) {
	f.lanes[lane] = true
	f.hosts[host]++
}

func (f flights) end(lane, host string) {
	delete(f.lanes, lane)
	if f.hosts[host]--; f.hosts[host] == 0 {
		delete(f.hosts, host)
	}
}

// deliver sends what is due until nothing is: one message at a time to a URL, and many URLs
// at once, so that one that hangs holds up only itself. A value in wake says that something
// new may be due meanwhile; wake may be nil.
//
// When ctx is done it starts nothing more and returns after what is in flight, which
// takes at most dbTime + postTime + dbTime.
func (a *Alerter) deliver(ctx context.Context, wake <-chan struct{}) (Result, error) {
	var (
		result Result
		errs   []error
		flying = flights{map[string]bool{}, map[string]int{}}
		ended  = make(chan sent)
		stop   = ctx.Done()
	)
	for {
		for len(errs) == 0 && ctx.Err() == nil && len(flying.lanes) < maxInFlight {
			attempt, lane, host, err := a.begin(ctx, flying)
			if err != nil {
				errs = append(errs, err)
			}
			if attempt == nil {
				break
			}
			flying.begin(lane, host)
			a.metrics.inFlight.Inc()
			go func() {
				outcome, err := attempt()
				ended <- sent{lane, host, outcome, err}
			}()
		}
		if len(flying.lanes) == 0 {
			return result, errors.Join(errs...)
		}
		select {
		case s := <-ended:
			flying.end(s.lane, s.host)
			a.metrics.inFlight.Dec()
			result.count(s.outcome)
			if s.err != nil {
				errs = append(errs, s.err)
			}
		case <-wake:
		case <-stop:
			stop = nil // a closed channel would be ready for ever
		}
	}
}

// begin claims a due delivery whose URL is free and returns the attempt to make it; nil if
// there is none.
func (a *Alerter) begin(
	ctx context.Context, flying flights,
) (attempt func() (string, error), lane, host string, err error) {
	// Counted from before the claim, so that a process that was paused meanwhile does
	// not post after its lease. What is claimed is finished even if ctx ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease)
	claimCtx, cancelClaim := context.WithTimeout(ctx, dbTime)
	defer cancelClaim()
	d, err := a.outbox.claim(claimCtx, a.now(), flying.busy(a.breakers.held(flying.hosts)))
	if d == nil {
		cancel()
		return nil, "", "", err
	}
	lane, host = string(d.Lane), d.Host.String
	if d.Lane == nil { // it leads nowhere any more
		lane = d.ID.String()
	}
	return func() (string, error) {
		defer cancel()
		return a.attempt(ctx, d)
	}, lane, host, nil
}

// attempt posts a claimed delivery and records how it went.
func (a *Alerter) attempt(ctx context.Context, d *delivery) (outcome string, err error) {
	log := a.log.With(slog.String("delivery", d.ID.String()), slog.String("alert", d.AlertID.String()),
		slog.String("event", d.Event), slog.String("tenant", d.Tenant), slog.Int("attempt", d.Attempts))
	if d.Facts.unreadable {
		log.Error("deliveries.facts cannot be read: the message says what its alert says")
	}
	r := a.post(ctx, d, log)
	failpoint.After("alerter", stepPost)

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dbTime)
	defer cancel()
	now := a.now()
	at, inTime := nextAttempt(now, d.GiveUpAt, d.Attempts, r.after, random())
	if r.few {
		before, err := a.outbox.fewBefore(ctx, d)
		if err != nil {
			log.Warn("earlier attempts cannot be counted", slog.Any("error", err))
			before = d.Attempts - 1
		}
		at, inTime = afterFew(now, d.GiveUpAt, before+1, r.after, random())
	}
	switch {
	case r.delivered():
		outcome = outcomeDelivered
		log.Info("alert delivered")
		a.metrics.deliverySeconds.Observe(now.Sub(d.message().At).Seconds())
	case r.retry && inTime:
		outcome = outcomeRetried
		log.Warn("alert not delivered yet", slog.String("reason", r.reason), slog.Time("nextAttempt", at))
	default:
		outcome = outcomeDead
		log.Error("alert delivery given up: send it again with 'flagmeter alerts resend'",
			slog.String("reason", r.reason))
	}
	a.metrics.deliveries.WithLabelValues(outcome).Inc()
	return outcome, a.outbox.record(ctx, d, r, outcome, at, now)
}

// target is where the delivery's message goes now.
func (d *delivery) target() target {
	return target{kind: d.Kind, url: d.URL.String, secret: d.Secret.String, previous: d.Old.String}
}

// post sends the delivery's message to where its webhook points now.
func (a *Alerter) post(ctx context.Context, d *delivery, log *slog.Logger) reply {
	switch {
	case d.Default && !d.URL.Valid:
		return reply{reason: "no default webhook is set"}
	case !d.Default && !d.Row.Valid:
		return reply{reason: "webhook deleted"}
	case !d.Default && !d.Enabled.Bool:
		return reply{reason: "webhook disabled"}
	}
	r, err := newRequest(d.target(), d.ID.String(), d.message(), a.publicURL)
	if err != nil {
		return reply{reason: err.Error()}
	}
	ended := a.breakers.begin(d.Host.String)
	out := a.sender.post(ctx, r)
	if ended(out.answered()) {
		log.Warn("webhook host does not answer: retries for it wait",
			slog.Duration("pause", a.breakers.pause))
	}
	return out
}
