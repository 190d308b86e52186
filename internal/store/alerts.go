package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// Alert is a crossing of a threshold with all that was sent about it.
type Alert struct {
	ID          uuid.UUID  `db:"id"`
	Tenant      string     `db:"tenant"`       // the name that people see
	Threshold   int        `db:"threshold"`    // percent
	Used        int64      `db:"used"`         // tokens, when it fired
	Quota       int64      `db:"quota"`        // tokens, when it fired
	PeriodStart string     `db:"period_start"` // 2006-01-02, first day
	PeriodEnd   string     `db:"period_end"`   // first day of the next period
	FiredAt     time.Time  `db:"fired_at"`
	ClearedAt   *time.Time `db:"cleared_at"` // nil: it is open
	Deliveries  []Delivery `db:"-"`          // oldest first
}

// Delivery is a message for one webhook.
type Delivery struct {
	ID            uuid.UUID     `db:"id"`
	Alert         uuid.UUID     `db:"alert_id"`
	Kind          string        `db:"kind"` // slack or webhook
	Event         string        `db:"event"`
	Default       bool          `db:"is_default"` // it goes to the Slack URL of the settings
	Webhook       uuid.NullUUID `db:"webhook"`    // the row; not valid: it was deleted
	Status        string        `db:"status"`     // pending, delivered or dead
	NextAttemptAt *time.Time    `db:"next_attempt_at"`
	DeliveredAt   *time.Time    `db:"delivered_at"`
	LastError     *string       `db:"last_error"`
	Attempts      []Attempt     `db:"-"` // oldest first
}

// Target says where d goes, without its URL.
func (d Delivery) Target() string {
	switch {
	case d.Default:
		return "slack default"
	case !d.Webhook.Valid:
		return d.Kind + " deleted"
	}
	return d.Kind + " " + d.Webhook.UUID.String()
}

// Attempt is one request of a delivery.
type Attempt struct {
	Delivery   uuid.UUID `db:"delivery_id"`
	At         time.Time `db:"at"`
	Status     *int      `db:"status"` // of the HTTP answer; nil: there was none
	Error      *string   `db:"error"`  // nil: the message was taken
	DurationMS int64     `db:"duration_ms"`
	// of one that failed, its beginning without secrets; nil: nothing is kept
	Answer *string `db:"answer"`
}

// AlertStates are those that an AlertQuery may ask for.
var AlertStates = []string{"open", "cleared", "delivered", "pending", "dead"}

// AlertQuery asks for alerts, the newest first.
type AlertQuery struct {
	Tenant string // a key; empty: all
	// State is one of AlertStates, or empty for any: open or cleared alerts, or alerts that have
	// a delivery of that status.
	State string
	Limit int // at most so many, above 0
	// Only alerts that come after this one in the order of the answer, unless AfterID is nil.
	AfterFired time.Time
	AfterID    uuid.UUID
}

// Alerts returns what q asks for. An attempt of which no outcome is recorded says so as its
// error: it is in flight, or its sender has died.
func Alerts(ctx context.Context, q sqlx.QueryerContext, ask AlertQuery) ([]Alert, error) {
	var alerts []Alert
	err := sqlx.SelectContext(ctx, q, &alerts, `
		SELECT a.id, coalesce(t.display_name, a.tenant) AS tenant, threshold, used, quota,
			period_start::text, period_end::text, fired_at, cleared_at
		FROM alerts a JOIN tenants t ON t.name = a.tenant
		WHERE ($1 = '' OR a.tenant = $1)
			AND CASE $2 WHEN '' THEN true WHEN 'open' THEN cleared_at IS NULL
				WHEN 'cleared' THEN cleared_at IS NOT NULL
				ELSE EXISTS (SELECT FROM deliveries d WHERE d.alert_id = a.id AND d.status = $2) END
			AND ($5::uuid = $6::uuid OR (fired_at, a.id) < ($4::timestamptz, $5::uuid))
		ORDER BY fired_at DESC, a.id DESC LIMIT $3`,
		ask.Tenant, ask.State, ask.Limit, ask.AfterFired, ask.AfterID, uuid.Nil)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	byID := make(map[uuid.UUID]*Alert, len(alerts))
	ids := make([]uuid.UUID, len(alerts))
	for i := range alerts {
		ids[i], byID[alerts[i].ID] = alerts[i].ID, &alerts[i]
	}
	deliveries, err := deliveriesOf(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	for _, d := range deliveries {
		byID[d.Alert].Deliveries = append(byID[d.Alert].Deliveries, d)
	}
	return alerts, nil
}

func deliveriesOf(
	ctx context.Context, q sqlx.QueryerContext, alerts []uuid.UUID,
) ([]Delivery, error) {
	var deliveries []Delivery
	err := sqlx.SelectContext(ctx, q, &deliveries, `
		SELECT id, alert_id, kind, event, target = 'default' AS is_default,
			coalesce(slack_webhook_id, webhook_id) AS webhook, status,
			CASE WHEN status = 'pending' THEN next_attempt_at END AS next_attempt_at,
				delivered_at, last_error
		FROM deliveries WHERE alert_id = ANY ($1) ORDER BY created_at, id`, pq.Array(alerts))
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	at := make(map[uuid.UUID]int, len(deliveries))
	ids := make([]uuid.UUID, len(deliveries))
	for i, d := range deliveries {
		ids[i], at[d.ID] = d.ID, i
	}
	var attempts []Attempt
	err = sqlx.SelectContext(ctx, q, &attempts, `
		SELECT delivery_id, at, status, CASE WHEN duration_ms IS NULL THEN 'no outcome recorded'
			ELSE error END AS error,
			coalesce(duration_ms, 0) AS duration_ms, answer
		FROM delivery_attempts WHERE delivery_id = ANY ($1) ORDER BY id`, pq.Array(ids))
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	for _, a := range attempts {
		d := &deliveries[at[a.Delivery]]
		d.Attempts = append(d.Attempts, a)
	}
	return deliveries, nil
}

// ResendQuery says which deliveries to send again: those with one of the ids, or all dead ones,
// of one tenant or of all.
type ResendQuery struct {
	Tenant string      // a key; empty: all
	IDs    []uuid.UUID // of deliveries or alerts; empty: all that are dead
}

// Resend makes deliveries pending again, with another 24 hours to succeed and the id that their
// webhooks know. It returns how many. One that is pending already is left alone.
func Resend(ctx context.Context, e sqlx.ExecerContext, ask ResendQuery) (int64, error) {
	res, err := e.ExecContext(ctx, `
		UPDATE deliveries d SET status = 'pending', attempts = 0, next_attempt_at = now(),
			give_up_at = now() + interval '24 hours'
		FROM alerts a
		WHERE a.id = d.alert_id AND ($1 = '' OR a.tenant = $1)
			AND CASE WHEN cardinality($2::uuid[]) = 0 THEN d.status = 'dead'
				ELSE d.status <> 'pending' AND (d.id = ANY ($2) OR a.id = ANY ($2)) END`,
		ask.Tenant, pq.Array(append([]uuid.UUID{}, ask.IDs...)))
	if err != nil {
		return 0, fmt.Errorf("send again: %w", err)
	}
	return res.RowsAffected()
}
