package outbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
)

// dbTime bounds each database call.
const dbTime = 5 * time.Second

// Options configure an Outbox. DB and Log must be set.
type Options struct {
	DB *sqlx.DB
	// DefaultURL is the Slack webhook of tenants without a row in slack_webhooks. If empty, they
	// get no message. It is a secret.
	DefaultURL string
	// AllowPrivate permits webhooks without TLS and at addresses that are not public.
	AllowPrivate bool
	// PublicURL is the dashboard's URL for people. If empty, messages have no link to it.
	PublicURL string
	Log       *slog.Logger
	// Now is the clock of everything that is stored or compared. If nil, it is time.Now.
	Now func() time.Time
	// Registerer gets the metrics. If nil, they are not published.
	Registerer prometheus.Registerer
}

// Outbox delivers the rows of table deliveries. All stored times come from its clock. It is safe
// for concurrent use, also by several processes.
type Outbox struct {
	db *sqlx.DB
	// Postgres gets the lane and the host of the default Slack webhook, but not its URL.
	defaultURL  string
	defaultLane []byte
	defaultHost string

	publicURL string
	sender    *notify.Sender
	breakers  *breakers
	log       *slog.Logger
	now       func() time.Time
	metrics   *metrics
	wake      chan struct{}

	unusable map[string]bool // webhooks that were reported; only CheckWebhooks uses it
}

// New returns an Outbox. It sends nothing until Deliver or Run is called.
func New(o Options) *Outbox {
	now := clock(o)
	m := newMetrics(o.Registerer)
	out := &Outbox{
		db:         o.DB,
		defaultURL: o.DefaultURL,
		publicURL:  o.PublicURL,
		sender:     notify.NewSender(o.AllowPrivate, now),
		breakers:   newBreakers(breakerPause, m.breakers),
		log:        o.Log,
		now:        now,
		metrics:    m,
		wake:       make(chan struct{}, 1),
	}
	if o.DefaultURL != "" {
		digest := sha256.Sum256([]byte(o.DefaultURL))
		out.defaultLane = digest[:]
	}
	if u, err := url.Parse(o.DefaultURL); err == nil {
		out.defaultHost = strings.ToLower(u.Host)
	}
	return out
}

func clock(o Options) func() time.Time {
	if o.Now == nil {
		return time.Now
	}
	return o.Now
}

// Entry is an event of an alert that Put writes into the outbox.
type Entry struct {
	Alert  uuid.UUID
	Tenant string // the tenant's key
	Type   string // notify.Crossed or notify.Rearmed
	Facts  notify.Facts
}

// Put writes an event's deliveries in the transaction of its alert, and returns how many. There is
// one for each enabled row of webhooks that belongs to the tenant or to all tenants. If a threshold
// was crossed, there is also one for each enabled Slack webhook of the tenant or, if the tenant has
// no such row at all, one for the default URL if that is set.
func (o *Outbox) Put(ctx context.Context, tx *sqlx.Tx, e Entry) (int64, error) {
	now := e.Facts.At
	res, err := tx.ExecContext(ctx, `
		INSERT INTO deliveries (alert_id, event, facts, next_attempt_at, created_at, give_up_at,
			kind, target, slack_webhook_id, webhook_id)
		SELECT $1::uuid, $2, $3::jsonb, $4::timestamptz, $4::timestamptz, $5::timestamptz, t.*
		FROM (
			SELECT 'slack', 'webhook', id, NULL::uuid FROM slack_webhooks
			WHERE tenant = $6 AND enabled AND $2 = $8
			UNION ALL
			SELECT 'slack', 'default', NULL, NULL
			WHERE $7::boolean AND $2 = $8
				AND NOT EXISTS (SELECT FROM slack_webhooks WHERE tenant = $6)
			UNION ALL
			SELECT 'webhook', 'webhook', NULL, id FROM webhooks
			WHERE (tenant = $6 OR tenant IS NULL) AND enabled
		) t`,
		e.Alert, e.Type, e.Facts, now, now.Add(giveUp), e.Tenant,
		o.defaultURL != "", notify.Crossed)
	if err != nil {
		return 0, fmt.Errorf("insert deliveries: %w", err)
	}
	return res.RowsAffected()
}

// Measure publishes how many deliveries are pending and how many were given up.
func (o *Outbox) Measure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dbTime)
	defer cancel()
	var pending, dead int
	err := o.db.QueryRowxContext(ctx, `SELECT count(*) FILTER (WHERE status = 'pending'),
		count(*) FILTER (WHERE status = 'dead')
		FROM deliveries WHERE status <> 'delivered'`).Scan(&pending, &dead)
	if err != nil {
		return fmt.Errorf("count deliveries: %w", err)
	}
	o.metrics.pending.Set(float64(pending))
	o.metrics.dead.Set(float64(dead))
	return nil
}
