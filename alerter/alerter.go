package alerter

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/alerter/outbox"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// UsageReader reads live usage.
type UsageReader interface {
	// All reads every tenant, archived ones included, by name, without features.
	All(ctx context.Context) ([]meter.Usage, error)
	// Of is All for some; unknown names are left out.
	Of(ctx context.Context, tenants []string) ([]meter.Usage, error)
	// Tenant reads one with its features, largest first.
	Tenant(ctx context.Context, name string) (meter.Usage, error)
}

// Changes names the tenants to evaluate.
type Changes interface {
	// Next returns the tenants whose usage or settings may have changed since the last call, or
	// all set if any may have. After an error it names them again.
	Next(ctx context.Context) (names []string, all bool, err error)
}

// Options are what an Alerter needs. All but Now and Registerer must be set.
type Options struct {
	DB      *sqlx.DB
	Usage   UsageReader
	Changes Changes
	// Outbox delivers the alerts. Only this Alerter runs it.
	Outbox *outbox.Outbox
	Log    *slog.Logger
	// Now is the clock of everything that is stored or compared; nil: time.Now.
	Now func() time.Time
	// Registerer gets the metrics; nil: they are not published.
	Registerer prometheus.Registerer
}

// Alerter compares usage with thresholds and has the alerts delivered. Any number of them
// may work on the same database.
type Alerter struct {
	db      *sqlx.DB
	usage   UsageReader
	changes Changes
	outbox  *outbox.Outbox
	log     *slog.Logger
	now     func() time.Time
	metrics *metrics
	// registerer gets the metrics of its jobs.
	registerer prometheus.Registerer

	evaluating sync.Mutex // one comparison at a time
	due        agenda     // under evaluating
}

// New makes an Alerter. It does nothing until RunOnce or Run.
func New(o Options) *Alerter {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &Alerter{
		db:         o.DB,
		usage:      o.Usage,
		changes:    o.Changes,
		outbox:     o.Outbox,
		log:        o.Log,
		now:        now,
		metrics:    newMetrics(o.Registerer),
		registerer: o.Registerer,
	}
}

// Result counts what a run has done.
type Result struct {
	Tenants   int // whose usage was compared
	Fired     int // alerts opened
	Cleared   int // alerts closed
	Delivered int // messages that a webhook has taken
	Retried   int // attempts that failed and will be repeated
	Dead      int // deliveries given up
}

// RunOnce compares the usage of the tenants that have changed with their thresholds, writes
// what follows, and delivers all that is due, also if the comparison failed. It writes
// nothing if nothing has changed.
//
// When ctx is done it stops between two tenants or messages; what it has begun it
// finishes, which takes at most 20 s.
func (a *Alerter) RunOnce(ctx context.Context) (Result, error) {
	result, checkErr := a.Check(ctx)
	sent, deliverErr := a.outbox.Deliver(ctx)
	result.Delivered, result.Retried, result.Dead = sent.Delivered, sent.Retried, sent.Dead
	return result, errors.Join(checkErr, deliverErr)
}
