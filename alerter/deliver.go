package alerter

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/failpoint"
)

const (
	// maxInFlight is how many webhooks are sent to at once.
	maxInFlight = 8
	// stepPost is the number of the POST in the package comment.
	stepPost = 6
	// dbTime bounds each database call of a delivery and each tenant's transaction.
	dbTime = 5 * time.Second
)

// sent is the end of an attempt: the webhook is free again.
type sent struct {
	webhook uuid.UUID // uuid.Nil: the default URL
	outcome string
	err     error // of the bookkeeping, not of the webhook
}

// deliver sends what is due until nothing is: one message at a time to a webhook,
// and to maxInFlight webhooks at once, so that one that hangs holds up only itself. A
// value in wake says that something new may be due meanwhile; wake may be nil.
//
// When ctx is done it starts nothing more and returns after what is in flight, which
// takes at most dbTime + postTime + dbTime.
func (a *Alerter) deliver(ctx context.Context, wake <-chan struct{}) (Result, error) {
	var (
		result Result
		errs   []error
		busy   = make(map[uuid.UUID]bool)
		ended  = make(chan sent)
		stop   = ctx.Done()
	)
	for {
		for len(errs) == 0 && ctx.Err() == nil && len(busy) < maxInFlight {
			attempt, webhook, err := a.begin(ctx, busy)
			if err != nil {
				errs = append(errs, err)
			}
			if attempt == nil {
				break
			}
			busy[webhook] = true
			go func() {
				outcome, err := attempt()
				ended <- sent{webhook, outcome, err}
			}()
		}
		if len(busy) == 0 {
			return result, errors.Join(errs...)
		}
		select {
		case s := <-ended:
			delete(busy, s.webhook)
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

// begin claims a due delivery of a webhook that is not busy and returns the attempt to
// make it; nil if there is none.
func (a *Alerter) begin(ctx context.Context, busy map[uuid.UUID]bool) (attempt func() (string, error), webhook uuid.UUID, err error) {
	// Counted from before the claim, so that a process that was paused meanwhile does
	// not post after its lease. What is claimed is finished even if ctx ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease)
	claimCtx, cancelClaim := context.WithTimeout(ctx, dbTime)
	defer cancelClaim()
	d, err := a.outbox.claim(claimCtx, a.now(), busy)
	if d == nil {
		cancel()
		return nil, uuid.Nil, err
	}
	return func() (string, error) {
		defer cancel()
		return a.attempt(ctx, d)
	}, d.WebhookID.UUID, nil
}

// attempt posts a claimed delivery and records how it went.
func (a *Alerter) attempt(ctx context.Context, d *delivery) (outcome string, err error) {
	f := a.post(ctx, d)
	failpoint.After("alerter", stepPost)

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dbTime)
	defer cancel()
	log := a.log.With(slog.String("delivery", d.ID.String()), slog.String("alert", d.AlertID.String()),
		slog.String("tenant", d.Tenant), slog.Int("attempt", d.Attempts))
	now := a.now()
	switch {
	case f == nil:
		outcome, err = outcomeDelivered, a.outbox.delivered(ctx, d, now)
		log.Info("alert delivered")
	default:
		at, inTime := nextAttempt(now, d.CreatedAt, d.Attempts, f.after)
		if f.retry && inTime {
			outcome, err = outcomeRetried, a.outbox.retry(ctx, d, at, f.reason)
			log.Warn("alert not delivered yet", slog.String("reason", f.reason), slog.Time("nextAttempt", at))
			break
		}
		outcome, err = outcomeDead, a.outbox.dead(ctx, d, f.reason)
		log.Error("alert delivery given up", slog.String("reason", f.reason))
	}
	a.metrics.deliveries.WithLabelValues(outcome).Inc()
	return outcome, err
}

// post sends the delivery's message to where its webhook points now.
func (a *Alerter) post(ctx context.Context, d *delivery) *failure {
	url := d.URL.String
	switch {
	case d.Target == targetDefault && a.defaultURL == "":
		return &failure{reason: "no default webhook is set"}
	case d.Target == targetDefault:
		url = a.defaultURL
	case !d.WebhookID.Valid:
		return &failure{reason: "webhook deleted"}
	case !d.Enabled.Bool:
		return &failure{reason: "webhook disabled"}
	}
	body, err := slackPayload(*d, a.dashboardURL)
	if err != nil {
		return &failure{reason: "message cannot be encoded"}
	}
	return a.sender.post(ctx, url, body)
}
