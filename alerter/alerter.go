package alerter

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// UsageReader reads live usage.
type UsageReader interface {
	// All reads every tenant, archived ones included, by name, without features.
	All(ctx context.Context) ([]meter.Usage, error)
	// Of is All for some; names that are unknown are left out.
	Of(ctx context.Context, tenants []string) ([]meter.Usage, error)
	// Tenant reads one with its features, largest first.
	Tenant(ctx context.Context, name string) (meter.Usage, error)
}

// Changes names the tenants that are worth a look.
type Changes interface {
	// Next returns whose usage or settings may have changed since the last call, or all set
	// if it may be anybody. After an error it names them again.
	Next(ctx context.Context) (names []string, all bool, err error)
}

// Options are what an Alerter needs. DB, Usage, Changes and Log must be set.
type Options struct {
	DB      *sqlx.DB
	Usage   UsageReader
	Changes Changes
	// DefaultURL is the Slack webhook of tenants without a row in slack_webhooks;
	// empty: they get no message. It is a secret.
	DefaultURL string
	// AllowPrivate permits webhooks without TLS and at addresses that are not public.
	AllowPrivate bool
	// PublicURL is where people reach the dashboard; empty: messages have no link to it.
	PublicURL string
	Log       *slog.Logger
	// Now is the clock of everything that is stored or compared; nil: time.Now.
	Now func() time.Time
	// Registerer gets the metrics; nil: nobody does.
	Registerer prometheus.Registerer
}

// Alerter compares usage with thresholds and delivers the alerts. Any number of them
// may work on the same database.
type Alerter struct {
	db        *sqlx.DB
	usage     UsageReader
	changes   Changes
	outbox    outbox
	sender    *sender
	breakers  *breakers
	publicURL string
	log       *slog.Logger
	now       func() time.Time
	metrics   *metrics
	// registerer gets the metrics of its jobs.
	registerer prometheus.Registerer

	looking sync.Mutex // one comparison at a time
	due     agenda     // under looking

	unusable map[string]bool // webhooks that were reported; of the job alone
}

// New makes an Alerter. It does nothing until RunOnce or Run.
func New(o Options) *Alerter {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	m := newMetrics(o.Registerer)
	return &Alerter{
		db:        o.DB,
		usage:     o.Usage,
		changes:   o.Changes,
		outbox:    newOutbox(o.DB, o.DefaultURL),
		sender:    newSender(o.AllowPrivate, now),
		breakers:  newBreakers(breakerPause, m.breakers),
		publicURL: o.PublicURL,
		log:       o.Log,
		now:       now,
		metrics:   m,

		registerer: o.Registerer,
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

// RunOnce compares the usage of the tenants that have changed with their thresholds, writes
// what follows, and delivers all that is due, also if the comparison failed. It writes
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
