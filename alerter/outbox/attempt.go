package outbox

import (
	"context"
	"log/slog"
	"time"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
)

// stepPost is the number of the POST among the steps of package alerter.
const stepPost = 7

// attempt posts a claimed delivery and records the result.
func (o *Outbox) attempt(ctx context.Context, d *delivery) (outcome string, err error) {
	log := o.log.With(slog.String("delivery", d.ID.String()),
		slog.String("alert", d.AlertID.String()), slog.String("event", d.Event),
		slog.String("tenant", d.Tenant), slog.Int("attempt", d.Attempts))
	if d.Facts.Unreadable {
		log.Error("deliveries.facts cannot be read: the message contains only what its alert has")
	}
	r := o.post(ctx, d, log)
	failpoint.After("alerter", stepPost)

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dbTime)
	defer cancel()
	v := o.judge(ctx, d, r, log)
	switch v.outcome {
	case outcomeDelivered:
		log.Info("alert delivered")
		o.metrics.deliverySeconds.Observe(v.now.Sub(d.event("").At).Seconds())
	case outcomeRetried:
		log.Warn("alert not delivered yet", slog.String("reason", r.Reason),
			slog.Time("nextAttempt", v.nextAttempt))
	case outcomeDead:
		log.Error("alert delivery given up: send it again with 'flagmeter alerts resend'",
			slog.String("reason", r.Reason))
	}
	o.metrics.deliveries.WithLabelValues(v.outcome).Inc()
	return v.outcome, o.record(ctx, d, r, v)
}

// verdict is the consequence of a reply.
type verdict struct {
	outcome     string
	now         time.Time
	nextAttempt time.Time // of outcomeRetried
}

// judge decides the consequence of a reply: see retry.go.
func (o *Outbox) judge(
	ctx context.Context, d *delivery, r notify.Reply, log *slog.Logger,
) (v verdict) {
	v.now = o.now()
	if r.Delivered() {
		v.outcome = outcomeDelivered
		return v
	}
	at, inTime := nextAttempt(v.now, d.GiveUpAt, d.Attempts, r.After, random())
	if r.Few {
		before, err := o.fewBefore(ctx, d)
		if err != nil {
			log.Warn("earlier attempts cannot be counted", slog.Any("error", err))
			before = d.Attempts - 1
		}
		at, inTime = afterFew(v.now, d.GiveUpAt, before+1, r.After, random())
	}
	v.outcome = outcomeDead
	if r.Retry && inTime {
		v.outcome, v.nextAttempt = outcomeRetried, at
	}
	return v
}

// post sends the delivery's message to the present URL of its webhook.
func (o *Outbox) post(ctx context.Context, d *delivery, log *slog.Logger) notify.Reply {
	switch {
	case d.Default && !d.URL.Valid:
		return notify.Reply{Reason: "no default webhook is set"}
	case !d.Default && !d.Row.Valid:
		return notify.Reply{Reason: "webhook deleted"}
	case !d.Default && !d.Enabled.Bool:
		return notify.Reply{Reason: "webhook disabled"}
	}
	m, err := notify.NewMessage(d.notifier(), d.target(), d.ID.String(), d.event(o.publicURL))
	if err != nil {
		return notify.Reply{Reason: err.Error()}
	}
	ended := o.breakers.begin(d.Host.String)
	out := o.sender.Post(ctx, m)
	if ended(out.Answered()) {
		log.Warn("webhook host does not answer: its retries wait",
			slog.Duration("pause", o.breakers.pause))
	}
	return out
}
