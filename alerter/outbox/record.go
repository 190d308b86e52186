package outbox

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
)

// record writes how an attempt has ended, in one transaction: the attempt itself, and what
// follows for its delivery.
//
// Success counts even if the lease has ended or the delivery was given up meanwhile, because
// the message did arrive. A failure counts only for whoever holds the latest attempt.
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
			WHERE id = $1 AND status = 'pending' AND attempt = $2`, d.ID, d.Attempt, v.nextAttempt, r.Reason)
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

// maxKept is how much of an answer is kept, in characters.
const maxKept = 200

// kept is the beginning of the answer to an attempt that failed, without secrets.
func kept(d *delivery, r notify.Reply) string {
	if r.Delivered() {
		return ""
	}
	return d.target().Clean(r.Answer, maxKept)
}

// fewBefore counts the attempts right before the present one whose answers were worth only a few
// attempts, as afterFew has it: those of the delivery since it was last made pending.
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

// disable turns off a webhook that has said that it is gone for good, unless its row has another
// URL by now. The URL of the settings stays: it is not ours to change.
func disable(ctx context.Context, tx *sqlx.Tx, d *delivery) error {
	disable := "UPDATE " + d.notifier().Table() + " SET enabled = false WHERE id = $1 AND url = $2"
	if _, err := tx.ExecContext(ctx, disable, d.Row, d.URL); err != nil {
		return fmt.Errorf("disable webhook: %w", err)
	}
	return nil
}
