package alerter

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// lease is how long a claimed delivery belongs to its sender: three times as long as a
// request may take, so that it ends only if the sender has died.
const lease = 3 * postTime

// Kinds of a delivery.
const (
	kindSlack   = "slack"
	kindWebhook = "webhook"
)

// delivery is a row of the outbox with all that its message needs.
type delivery struct {
	ID       uuid.UUID `db:"id"`
	Attempts int       `db:"attempts"` // this one included
	Attempt  int64     `db:"attempt"`  // its row in delivery_attempts
	GiveUpAt time.Time `db:"give_up_at"`

	Kind    string `db:"kind"`
	Default bool   `db:"is_default"` // the Slack URL of the settings
	// of slack_webhooks or webhooks; not valid: it was deleted
	Row     uuid.NullUUID  `db:"row"`
	URL     sql.NullString `db:"url"` // secret; of Row
	Enabled sql.NullBool   `db:"enabled"`
	Secret  sql.NullString `db:"secret"` // secret, like the next
	Old     sql.NullString `db:"previous_secret"`
	// Lane is the digest of the URL: one message at a time.
	Lane []byte         `db:"lane"`
	Host sql.NullString `db:"host"` // of the URL, with its port

	Event       string    `db:"event"`
	AlertID     uuid.UUID `db:"alert_id"`
	Tenant      string    `db:"tenant"`
	PeriodStart meter.Day `db:"period_start"`
	PeriodEnd   meter.Day `db:"period_end"`
	Threshold   int       `db:"threshold"`
	FiredAt     time.Time `db:"fired_at"`
	Used        int64     `db:"used"`  // when the alert fired
	Quota       int64     `db:"quota"` // when the alert fired
	Facts       facts     `db:"facts"`
}

// message is the event that d tells of. A row that the version before has written has no
// facts; what its alert has is used then.
func (d *delivery) message() event {
	e := event{Type: d.Event, Alert: d.AlertID, Tenant: cmp.Or(d.Facts.Name, d.Tenant),
		PeriodStart: d.PeriodStart, PeriodEnd: d.PeriodEnd, Threshold: d.Threshold, facts: d.Facts}
	if e.At.IsZero() {
		e.At, e.Used, e.Quota = d.FiredAt.UTC(), d.Used, d.Quota
	}
	if len(e.Thresholds) == 0 {
		e.Thresholds = []int{d.Threshold}
	}
	return e
}

// outbox is the table deliveries. All instants come from its callers' clock. It is safe for
// concurrent use, also by several processes.
type outbox struct {
	db *sqlx.DB
	// The default Slack webhook: what Postgres needs to know of it is not the URL.
	defaultURL  string
	defaultLane []byte
	defaultHost string
}

func newOutbox(db *sqlx.DB, defaultURL string) outbox {
	o := outbox{db: db, defaultURL: defaultURL}
	if defaultURL != "" {
		digest := sha256.Sum256([]byte(defaultURL))
		o.defaultLane = digest[:]
	}
	if u, err := url.Parse(defaultURL); err == nil {
		o.defaultHost = strings.ToLower(u.Host)
	}
	return o
}

// put writes an event's deliveries in the transaction of its alert, and returns how many:
// one for each enabled row of webhooks of the tenant or of all tenants, and, if a threshold
// was crossed, one for each enabled Slack webhook of the tenant or, for a tenant without any
// such row, one for the default URL if there is one.
func (o outbox) put(
	ctx context.Context, tx *sqlx.Tx, now time.Time, alert uuid.UUID, tenant, event string, f facts,
) (int64, error) {
	res, err := tx.ExecContext(ctx, `
		INSERT INTO deliveries (alert_id, event, facts, next_attempt_at, created_at, give_up_at, kind,
			target, slack_webhook_id, webhook_id)
		SELECT $1::uuid, $2, $3::jsonb, $4::timestamptz, $4::timestamptz, $5::timestamptz, t.* FROM (
			SELECT 'slack', 'webhook', id, NULL::uuid FROM slack_webhooks WHERE tenant = $6 AND enabled
				AND $2 = $8
			UNION ALL
			SELECT 'slack', 'default', NULL, NULL
			WHERE $7::boolean AND $2 = $8 AND NOT EXISTS (SELECT FROM slack_webhooks WHERE tenant = $6)
			UNION ALL
			SELECT 'webhook', 'webhook', NULL, id FROM webhooks WHERE (tenant = $6 OR tenant IS NULL)
				AND enabled
		) t`,
		alert, event, f, now, now.Add(giveUp), tenant, o.defaultURL != "", eventCrossed)
	if err != nil {
		return 0, fmt.Errorf("insert deliveries: %w", err)
	}
	return res.RowsAffected()
}

// lengths counts the deliveries that wait and those that were given up.
func (o outbox) lengths(ctx context.Context) (pending, dead int, err error) {
	err = o.db.QueryRowxContext(ctx, `SELECT count(*) FILTER (WHERE status = 'pending'),
		count(*) FILTER (WHERE status = 'dead')
		FROM deliveries WHERE status <> 'delivered'`).Scan(&pending, &dead)
	if err != nil {
		return 0, 0, fmt.Errorf("count deliveries: %w", err)
	}
	return pending, dead, nil
}
