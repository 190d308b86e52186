package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
)

const (
	// lease is how long a claimed delivery belongs to its sender: three times as long as a request
	// may take, so that it ends only if the sender has died.
	lease = 3 * notify.PostTime
	// pace is the time between two messages to a URL whose kind is paced.
	pace = time.Second
)

// claim picks a due delivery and leases it to the caller; nil if none is due. First attempts go
// before retries; among these the longest due goes first. A delivery that was never tried is due.
// So is one that would wait longer than any delivery may: a clock that was ahead set its time.
//
// The row is locked until the claim commits, and other claims skip it, so two callers never get the
// same delivery within a lease. Nor do two get messages for the same Slack URL within a second.
func (o *Outbox) claim(ctx context.Context, now time.Time, b busy) (*delivery, error) {
	for {
		d, again, err := o.tryClaim(ctx, now, b)
		if err != nil || !again {
			return d, err
		}
	}
}

// tryClaim reports again if another process has just reserved the URL's second.
func (o *Outbox) tryClaim(
	ctx context.Context, now time.Time, b busy,
) (d *delivery, again bool, err error) {
	tx, err := o.db.BeginTxx(ctx, nil)
	if err != nil {
		return nil, false, fmt.Errorf("begin claim: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	d, err = o.pick(ctx, tx, now, b)
	if d == nil || err != nil {
		return nil, false, err
	}
	if d.notifier().Paced() && d.Lane != nil {
		if free, err := reserve(ctx, tx, now, d.Lane); err != nil || !free {
			return nil, !free, err
		}
	}
	err = tx.QueryRowxContext(ctx, `
		WITH attempt AS (
			INSERT INTO delivery_attempts (delivery_id, at) VALUES ($1, $2) RETURNING id)
		UPDATE deliveries SET attempts = attempts + 1, next_attempt_at = $3,
			attempt = (SELECT id FROM attempt)
		WHERE id = $1 RETURNING attempts, attempt`, d.ID, now,
		now.Add(lease)).Scan(&d.Attempts, &d.Attempt)
	if err != nil {
		return nil, false, fmt.Errorf("lease delivery: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return nil, false, fmt.Errorf("commit claim: %w", err)
	}
	if d.Default {
		d.URL = sql.NullString{String: o.defaultURL, Valid: o.defaultURL != ""}
	}
	return d, false, nil
}

func (o *Outbox) pick(ctx context.Context, tx *sqlx.Tx, now time.Time, b busy) (*delivery, error) {
	var d delivery
	err := tx.GetContext(ctx, &d, `
		SELECT d.id, d.give_up_at, d.kind, d.target = 'default' AS is_default,
			coalesce(s.id, w.id) AS row,
			coalesce(s.url, w.url) AS url, coalesce(s.enabled, w.enabled) AS enabled, w.secret,
				w.previous_secret,
			l.lane, l.host, d.event, d.alert_id, a.tenant,
			a.period_start - date '1970-01-01' AS period_start,
				a.period_end - date '1970-01-01' AS period_end,
			a.threshold, a.fired_at, a.used, a.quota, d.facts
		FROM deliveries d
		JOIN alerts a ON a.id = d.alert_id
		LEFT JOIN slack_webhooks s ON s.id = d.slack_webhook_id
		LEFT JOIN webhooks w ON w.id = d.webhook_id
		CROSS JOIN LATERAL (SELECT
			CASE WHEN d.target = 'default' THEN $4::bytea
				ELSE sha256(convert_to(coalesce(s.url, w.url), 'UTF8')) END AS lane,
			CASE WHEN d.target = 'default' THEN $5 ELSE lower(substring(coalesce(s.url, w.url)
			FROM '^[A-Za-z]+://(?:[^/?#]*@)?([^/?#]*)')) END AS host) l
		WHERE d.status = 'pending'
			AND (d.next_attempt_at <= $1 OR d.attempts = 0 OR d.next_attempt_at > $2)
			AND (l.lane IS NULL OR l.lane <> ALL ($6)) AND (l.host IS NULL OR l.host <> ALL ($7))
			AND (d.attempts = 0
				OR NOT $9 AND (l.host IS NULL OR l.host <> ALL ($8) OR d.give_up_at < $1))
			AND NOT (d.kind = ANY ($10) AND EXISTS (SELECT FROM slack_pace p
				WHERE p.url_digest = l.lane AND p.free_at > $1 AND p.free_at <= $3))
		ORDER BY d.attempts > 0, d.next_attempt_at, d.id
		LIMIT 1
		FOR UPDATE OF d SKIP LOCKED`,
		now, now.Add(giveUp), now.Add(pace), o.defaultLane, o.defaultHost,
		notNull(b.lanes), notNull(b.full), notNull(b.held), b.first,
		pq.Array(pacedKinds()))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pick delivery: %w", err)
	}
	return &d, nil
}

// notNull returns an empty array instead of NULL, because every comparison with NULL is unknown.
func notNull[A ~[]E, E any](array A) A {
	if array == nil {
		return A{}
	}
	return array
}

// reserve reserves the present second of a Slack URL, if it is free. A time more than a second
// ahead was set by a clock that was ahead, and is ignored.
func reserve(ctx context.Context, tx *sqlx.Tx, now time.Time, lane []byte) (bool, error) {
	res, err := tx.ExecContext(ctx, `
		INSERT INTO slack_pace AS p (url_digest, free_at) VALUES ($1, $2)
		ON CONFLICT (url_digest) DO UPDATE SET free_at = excluded.free_at WHERE p.free_at <= $3
			OR p.free_at > $2`,
		lane, now.Add(pace), now)
	if err != nil {
		return false, fmt.Errorf("reserve a second of Slack: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("reserve a second of Slack: %w", err)
	}
	return n == 1, nil
}
