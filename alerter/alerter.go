package alerter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// readTime bounds the reading of all alerts and figures.
const readTime = 10 * time.Second

// UsageReader reads the live usage of every tenant, archived ones included.
type UsageReader interface {
	All(ctx context.Context) ([]meter.Usage, error)
}

// Options are what an Alerter needs. DB, Usage and Log must be set.
type Options struct {
	DB    *sqlx.DB
	Usage UsageReader
	// DefaultURL is the Slack webhook of tenants without a row in slack_webhooks;
	// empty: they get no message. It is a secret.
	DefaultURL string
	// AllowPrivate permits webhooks without TLS and at addresses that are not public.
	AllowPrivate bool
	// DashboardURL is linked in messages; empty: no link.
	DashboardURL string
	Log          *slog.Logger
	// Now is the clock of everything that is stored or compared; nil: time.Now.
	Now func() time.Time
	// Registerer gets the metrics; nil: nobody does.
	Registerer prometheus.Registerer
}

// Alerter compares usage with thresholds and delivers the alerts. Any number of them
// may work on the same database.
type Alerter struct {
	db           *sqlx.DB
	usage        UsageReader
	outbox       outbox
	sender       *sender
	defaultURL   string
	dashboardURL string
	log          *slog.Logger
	now          func() time.Time
	metrics      *metrics
}

// New makes an Alerter. It does nothing until RunOnce or Run.
func New(o Options) *Alerter {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &Alerter{
		db:           o.DB,
		usage:        o.Usage,
		outbox:       outbox{o.DB},
		sender:       newSender(o.AllowPrivate, now),
		defaultURL:   o.DefaultURL,
		dashboardURL: o.DashboardURL,
		log:          o.Log,
		now:          now,
		metrics:      newMetrics(o.Registerer),
	}
}

// Result counts what a run has done.
type Result struct {
	Tenants   int // looked at
	Fired     int // alerts opened
	Cleared   int // alerts closed
	Delivered int // messages that a webhook has taken
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

// RunOnce compares the usage of all tenants with their thresholds, writes what has
// changed, and delivers all that is due, also if the comparison failed. It writes
// nothing if nothing has changed.
//
// When ctx is done it stops between two tenants or messages; what it has begun it
// finishes, which takes at most 20 s.
func (a *Alerter) RunOnce(ctx context.Context) (Result, error) {
	checked, checkErr := a.check(ctx)
	result, deliverErr := a.deliver(ctx, nil)
	result.Tenants, result.Fired, result.Cleared = checked.Tenants, checked.Fired, checked.Cleared
	return result, errors.Join(checkErr, deliverErr)
}

// check is the comparison: steps 1 to 4 of the package comment. A tenant whose rows
// cannot be written does not keep the others from theirs.
func (a *Alerter) check(ctx context.Context) (result Result, err error) {
	started := time.Now()
	defer func() {
		outcome := outcomeOK
		if err != nil {
			outcome = outcomeError
		}
		a.metrics.ticks.WithLabelValues(outcome).Inc()
		a.metrics.tickSeconds.Observe(time.Since(started).Seconds())
	}()

	now := a.now()
	open, usage, err := a.read(ctx)
	if err != nil {
		return result, err
	}
	var errs []error
	for _, u := range usage {
		if ctx.Err() != nil {
			return result, errors.Join(append(errs, ctx.Err())...)
		}
		result.Tenants++
		decisions := Decide(u, open[u.Tenant.Name])
		if !slices.ContainsFunc(decisions, func(d Decision) bool { return d.Fires() || d.Clears() }) {
			continue
		}
		fired, cleared, err := a.finish(ctx, now, u, decisions)
		if err != nil {
			errs = append(errs, fmt.Errorf("write alerts of %q: %w", u.Tenant.Name, err))
		}
		result.Fired += fired
		result.Cleared += cleared
	}
	return result, errors.Join(append(errs, a.measurePending(ctx))...)
}

// read is steps 1 and 2, in this order, within readTime: a store that hangs must not
// keep the next tick from trying again.
func (a *Alerter) read(ctx context.Context) (map[string][]OpenAlert, []meter.Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	open, err := readOpenAlerts(ctx, a.db)
	if err != nil {
		return nil, nil, err
	}
	usage, err := a.usage.All(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read usage: %w", err)
	}
	return open, usage, nil
}

// finish applies decisions even if ctx ends meanwhile, within dbTime.
func (a *Alerter) finish(ctx context.Context, now time.Time, u meter.Usage, decisions []Decision) (fired, cleared int, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dbTime)
	defer cancel()
	return a.apply(ctx, now, u, decisions)
}

// measurePending publishes the length of the outbox.
func (a *Alerter) measurePending(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dbTime)
	defer cancel()
	n, err := a.outbox.pending(ctx)
	if err != nil {
		return err
	}
	a.metrics.pending.Set(float64(n))
	return nil
}
