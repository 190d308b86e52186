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
	// Of is All for some tenants; unknown names are left out.
	Of(ctx context.Context, tenants []string) ([]meter.Usage, error)
	// Tenant reads one tenant with its features, largest first.
	Tenant(ctx context.Context, name string) (meter.Usage, error)
}

// Changes names the tenants to evaluate.
type Changes interface {
	// Next returns the tenants whose usage or settings may have changed since the last call. all
	// reports that any tenant's may have. After an error, the next call names them again.
	Next(ctx context.Context) (names []string, all bool, err error)
}

// Options configure an Alerter. All but Now and Registerer must be set.
type Options struct {
	DB      *sqlx.DB
	Usage   UsageReader
	Changes Changes
	// Outbox delivers the alerts. Only this Alerter runs it.
	Outbox *outbox.Outbox
	Log    *slog.Logger
	// Now is the clock of everything that is stored or compared. If nil, it is time.Now.
	Now func() time.Time
	// Registerer gets the metrics. If nil, they are not published.
	Registerer prometheus.Registerer
}

// Alerter compares usage with thresholds and has the alerts delivered. Any number of Alerters may
// work on the same database.
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

// New returns an Alerter. It does nothing until RunOnce or Run is called.
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

// Result counts what a run did.
type Result struct {
	Tenants   int // whose usage was compared
	Fired     int // alerts opened
	Cleared   int // alerts closed
	Delivered int // messages that a webhook has accepted
	Retried   int // attempts that failed and will be repeated
	Dead      int // deliveries given up
}

// RunOnce compares the usage of the tenants that have changed with their thresholds, writes the
// results, and delivers everything that is due, even if the comparison failed. It writes nothing if
// nothing has changed.
//
// When ctx is done, it stops between two tenants or messages and finishes what it has begun, which
// takes at most 20 s.
func (a *Alerter) RunOnce(ctx context.Context) (Result, error) {
	result, checkErr := a.Check(ctx)
	sent, deliverErr := a.outbox.Deliver(ctx)
	result.Delivered, result.Retried, result.Dead = sent.Delivered, sent.Retried, sent.Dead
	return result, errors.Join(checkErr, deliverErr)
}
