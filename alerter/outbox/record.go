package outbox

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
)

// record writes the result of an attempt, in one transaction: the attempt itself and the
// consequence for its delivery.
//
// Success counts even if the lease has ended or the delivery was given up meanwhile, because the
// message did arrive. A failure counts only for the holder of the latest attempt.
func (o *Outbox) record(ctx context.Context, d *delivery, r notify.Reply, v verdict) error {
	tx, err := o.db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin to record an attempt: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	_, err = tx.ExecContext(ctx, `UPDATE delivery_attempts SET status = nullif($2, 0),
		error = nullif($3, ''), duration_ms = $4, answer = nullif($5, '') WHERE id = $1`,
		d.Attempt, r.Status, r.Reason, r.Took.Milliseconds(), kept(d, r))
	if err != nil {
		return fmt.Errorf("record attempt: %w", err)
	}
	switch v.outcome {
	case outcomeDelivered:
		_, err = tx.ExecContext(ctx, `UPDATE deliveries SET status = 'delivered', delivered_at = $2,
			last_error = NULL
			WHERE id = $1 AND status <> 'delivered'`, d.ID, v.now)
	case outcomeRetried:
		_, err = tx.ExecContext(ctx, `UPDATE deliveries SET next_attempt_at = $3, last_error = $4
			WHERE id = $1 AND status = 'pending' AND attempt = $2`,
			d.ID, d.Attempt, v.nextAttempt, r.Reason)
	case outcomeDead:
		_, err = tx.ExecContext(ctx, `UPDATE deliveries SET status = 'dead', last_error = $3
			WHERE id = $1 AND status = 'pending' AND attempt = $2`, d.ID, d.Attempt, r.Reason)
	}
	if err != nil {
		return fmt.Errorf("record outcome: %w", err)
	}
	if r.Gone {
		if err := disable(ctx, tx, d); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit outcome: %w", err)
	}
	return nil
}

// maxKept is how many characters of an answer are kept.
const maxKept = 200

// kept returns the beginning of the answer to a failed attempt, without secrets.
func kept(d *delivery, r notify.Reply) string {
	if r.Delivered() {
		return ""
	}
	return d.target().Clean(r.Answer, maxKept)
}

// fewBefore counts the attempts right before the present one whose answers were worth only a few
// attempts (afterFew). It counts attempts since the delivery was last made pending.
func (o *Outbox) fewBefore(ctx context.Context, d *delivery) (n int, err error) {
	err = o.db.GetContext(ctx, &n, `
		WITH earlier AS (
			SELECT id, coalesce(status IN (403, 404) OR status BETWEEN 200 AND 299, false) AS few
			FROM delivery_attempts WHERE delivery_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3)
		SELECT count(*) FROM earlier e
		WHERE NOT EXISTS (SELECT FROM earlier WHERE id >= e.id AND NOT few)`,
		d.ID, d.Attempt, d.Attempts-1)
	if err != nil {
		return 0, fmt.Errorf("count earlier attempts: %w", err)
	}
	return n, nil
}

// disable disables a webhook that reported that it is gone for good, unless its row has another URL
// by now. The URL in the settings stays: only the operator changes it.
func disable(ctx context.Context, tx *sqlx.Tx, d *delivery) error {
	disable := "UPDATE " + d.notifier().Table() + " SET enabled = false WHERE id = $1 AND url = $2"
	if _, err := tx.ExecContext(ctx, disable, d.Row, d.URL); err != nil {
		return fmt.Errorf("disable webhook: %w", err)
	}
	return nil
}
