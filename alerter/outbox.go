package alerter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// lease is how long a claimed delivery belongs to its sender: three times as long as a
// request may take, so that it ends only if the sender has died.
const lease = 3 * postTime

// delivery is a row of the outbox with all that its message needs.
type delivery struct {
	ID        uuid.UUID `db:"id"`
	AlertID   uuid.UUID `db:"alert_id"`
	Attempts  int       `db:"attempts"` // this one included
	CreatedAt time.Time `db:"created_at"`

	Target    string         `db:"target"` // targetWebhook or targetDefault
	WebhookID uuid.NullUUID  `db:"webhook_id"`
	URL       sql.NullString `db:"url"` // secret
	Enabled   sql.NullBool   `db:"enabled"`

	Tenant      string    `db:"tenant"`
	PeriodStart meter.Day `db:"period_start"` // first day
	PeriodEnd   meter.Day `db:"period_end"`   // first day of the next period
	Threshold   int       `db:"threshold"`    // percent
	Used        int64     `db:"used"`         // tokens, when the alert fired
	Quota       int64     `db:"quota"`        // tokens, when the alert fired
}

const (
	targetWebhook = "webhook"
	targetDefault = "default"
)

// outbox is the table alert_deliveries. All instants come from its callers' clock. It
// is safe for concurrent use, also by several processes.
type outbox struct{ db *sqlx.DB }

// claim takes the delivery that has been due for the longest and leases it to the
// caller; nil if none is due. One that was never tried is due, and so is one that would wait
// for longer than any may: its time was set by a clock that was ahead. Webhooks in busy are passed over; uuid.Nil
// stands for the default URL. Claiming is one statement: two callers never get the
// same delivery within a lease.
func (o outbox) claim(ctx context.Context, now time.Time, busy map[uuid.UUID]bool) (*delivery, error) {
	keys := slices.AppendSeq(make([]uuid.UUID, 0, len(busy)), maps.Keys(busy)) // never nil, which would be NULL
	var d delivery
	err := o.db.GetContext(ctx, &d, `
		WITH due AS (
			SELECT id FROM alert_deliveries
			WHERE status = 'pending' AND (next_attempt_at <= $1 OR attempts = 0 OR next_attempt_at > $5)
			  AND coalesce(webhook_id, $4) <> ALL ($3::uuid[])
			ORDER BY next_attempt_at
			LIMIT 1
			FOR UPDATE SKIP LOCKED
		), claimed AS (
			UPDATE alert_deliveries d SET attempts = attempts + 1, next_attempt_at = $2
			FROM due WHERE d.id = due.id
			RETURNING d.*
		)
		SELECT c.id, c.alert_id, c.attempts, c.created_at,
			c.target, c.webhook_id, w.url, w.enabled,
			a.tenant, a.period_start - date '1970-01-01' AS period_start,
			a.period_end - date '1970-01-01' AS period_end, a.threshold, a.used, a.quota
		FROM claimed c
		JOIN alerts a ON a.id = c.alert_id
		LEFT JOIN slack_webhooks w ON w.id = c.webhook_id`,
		now, now.Add(lease), pq.Array(keys), uuid.Nil, now.Add(giveUp))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("claim delivery: %w", err)
	}
	return &d, nil
}

// delivered records success. It does so even if the lease has ended meanwhile,
// because the message did arrive.
func (o outbox) delivered(ctx context.Context, d *delivery, now time.Time) error {
	_, err := o.db.ExecContext(ctx, `
		UPDATE alert_deliveries SET status = 'delivered', delivered_at = $2, last_error = NULL
		WHERE id = $1 AND status = 'pending'`, d.ID, now)
	if err != nil {
		return fmt.Errorf("record delivery: %w", err)
	}
	return nil
}

// retry puts the delivery off until at. It does nothing if another sender has claimed
// it since: then that one's result counts.
func (o outbox) retry(ctx context.Context, d *delivery, at time.Time, reason string) error {
	_, err := o.db.ExecContext(ctx, `
		UPDATE alert_deliveries SET next_attempt_at = $3, last_error = $4
		WHERE id = $1 AND status = 'pending' AND attempts = $2`, d.ID, d.Attempts, at, reason)
	if err != nil {
		return fmt.Errorf("record retry: %w", err)
	}
	return nil
}

// dead gives the delivery up, under the same condition as retry.
func (o outbox) dead(ctx context.Context, d *delivery, reason string) error {
	_, err := o.db.ExecContext(ctx, `
		UPDATE alert_deliveries SET status = 'dead', last_error = $3
		WHERE id = $1 AND status = 'pending' AND attempts = $2`, d.ID, d.Attempts, reason)
	if err != nil {
		return fmt.Errorf("record dead delivery: %w", err)
	}
	return nil
}

// pending counts the deliveries that are neither delivered nor dead.
func (o outbox) pending(ctx context.Context) (n int, err error) {
	err = o.db.GetContext(ctx, &n, "SELECT count(*) FROM alert_deliveries WHERE status = 'pending'")
	if err != nil {
		return 0, fmt.Errorf("count pending deliveries: %w", err)
	}
	return n, nil
}
