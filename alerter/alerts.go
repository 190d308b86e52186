package alerter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
	"github.com/eduardosanzb/flagmeter/alerter/outbox"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// firmFor is how long a decision stands before another may reverse it. A changed quota is in force
// within 2 s. Until then one process may still see the old one. It would clear what another has
// just fired, or fire again what another has just cleared. The same rule keeps a late alerter from
// firing again in a period that is over.
const firmFor = 2 * time.Second

// readOpenAlerts reads the open alerts of the named tenants, or of all, in one query.
func readOpenAlerts(
	ctx context.Context, db *sqlx.DB, tenants []string, all bool,
) (map[string][]OpenAlert, error) {
	var rows []OpenAlert
	// date - date is a number of days, which is what a meter.Day is.
	err := db.SelectContext(ctx, &rows, `
		SELECT id, tenant, period_start - date '1970-01-01' AS period_start, threshold
		FROM alerts
		WHERE cleared_at IS NULL AND ($2 OR tenant = ANY ($1))
		ORDER BY tenant, period_start, threshold`, pq.Array(tenants), all)
	if err != nil {
		return nil, fmt.Errorf("read open alerts: %w", err)
	}
	open := make(map[string][]OpenAlert)
	for _, alert := range rows {
		open[alert.Tenant] = append(open[alert.Tenant], alert)
	}
	return open, nil
}

// apply writes the decisions about one tenant at now, in one transaction, and returns how many
// alerts it opened and closed. Both may be fewer than decided: what another alerter has already
// done is not done again.
func (a *Alerter) apply(
	ctx context.Context, now time.Time, u meter.Usage, decisions []Decision,
) (fired, cleared int, err error) {
	tx, err := a.db.BeginTxx(ctx, nil)
	if err != nil {
		return 0, 0, fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit

	var done []func() // logs and metrics, which wait for the commit
	for _, d := range decisions {
		switch {
		case d.Clears():
			ok, err := clearAlert(ctx, tx, now, d)
			if err != nil {
				return 0, 0, err
			}
			if !ok {
				continue
			}
			cleared++
			if d.Announce {
				facts := notify.NewFacts(now, u, together(decisions, d.Reason), string(d.Reason))
				if _, err := a.outbox.Put(ctx, tx,
					outbox.Entry{Alert: d.Alert, Tenant: u.Tenant.Name,
						Type: notify.Rearmed, Facts: facts}); err != nil {
					return 0, 0, err
				}
			}
			done = append(done, func() { a.reportCleared(u, d) })
		case d.Fires():
			id, err := insertAlert(ctx, tx, now, u, d.Threshold)
			if errors.Is(err, sql.ErrNoRows) {
				continue // another alerter was first
			}
			if err != nil {
				return 0, 0, err
			}
			fired++
			var targets int64
			if d.Announce {
				facts := notify.NewFacts(now, u, together(decisions, d.Reason), "")
				if targets, err = a.outbox.Put(ctx, tx,
					outbox.Entry{Alert: id, Tenant: u.Tenant.Name,
						Type: notify.Crossed, Facts: facts}); err != nil {
					return 0, 0, err
				}
			}
			done = append(done, func() { a.reportFired(u, d, id, targets) })
		}
	}
	if err := tx.Commit(); err != nil {
		return 0, 0, fmt.Errorf("commit: %w", err)
	}
	for _, report := range done {
		report()
	}
	return fired, cleared, nil
}

// together returns the thresholds of the decisions with one reason, ascending.
func together(decisions []Decision, reason Reason) (thresholds []int) {
	for _, d := range decisions {
		if d.Reason == reason {
			thresholds = append(thresholds, d.Threshold)
		}
	}
	slices.Sort(thresholds)
	return slices.Compact(thresholds)
}

// clearAlert closes the decision's alert and reports whether it was open.
func clearAlert(ctx context.Context, tx *sqlx.Tx, now time.Time, d Decision) (bool, error) {
	firedBefore := now
	if d.Reason == Rearmed {
		firedBefore = now.Add(-firmFor)
	}
	res, err := tx.ExecContext(ctx, `
		UPDATE alerts SET cleared_at = $2
		WHERE id = $1 AND cleared_at IS NULL AND fired_at <= $3`, d.Alert, now, firedBefore)
	if err != nil {
		return false, fmt.Errorf("clear alert: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("clear alert: %w", err)
	}
	return n == 1, nil
}

// insertAlert opens an alert and returns its id. It returns sql.ErrNoRows if the alert is already
// open or was cleared a moment ago.
func insertAlert(
	ctx context.Context, tx *sqlx.Tx, now time.Time, u meter.Usage, threshold int,
) (uuid.UUID, error) {
	var id uuid.UUID
	err := tx.GetContext(ctx, &id, `
		INSERT INTO alerts (tenant, period_start, period_end, threshold, used, quota, fired_at)
		SELECT $1, $2::date, $3::date, $4::int, $5::bigint, $6::bigint, $7::timestamptz
		WHERE NOT EXISTS (
			SELECT FROM alerts
			WHERE tenant = $1 AND period_start = $2::date AND threshold = $4::int
			  AND cleared_at > $8)
		ON CONFLICT (tenant, period_start, threshold) WHERE cleared_at IS NULL DO NOTHING
		RETURNING id`,
		u.Tenant.Name, u.Period.From.String(), u.Period.To.String(), threshold,
		u.Used[meter.Tokens], u.Tenant.Quota, now, now.Add(-firmFor))
	if err != nil {
		return uuid.Nil, fmt.Errorf("insert alert: %w", err)
	}
	return id, nil
}

func (a *Alerter) reportFired(u meter.Usage, d Decision, id uuid.UUID, targets int64) {
	a.metrics.fired.Inc()
	log := a.log.With(slog.String("alert", id.String()), slog.String("tenant", u.Tenant.Name),
		slog.Int("threshold", d.Threshold))
	log.Info("alert fired", slog.Int64("used", u.Used[meter.Tokens]),
		slog.Int64("quota", u.Tenant.Quota),
		slog.String("periodStart", u.Period.From.String()))
	if d.Announce && targets == 0 {
		log.Info("alert has no webhook to go to")
	}
}

func (a *Alerter) reportCleared(u meter.Usage, d Decision) {
	a.metrics.cleared.WithLabelValues(string(d.Reason)).Inc()
	a.log.Info("alert cleared", slog.String("alert", d.Alert.String()),
		slog.String("tenant", u.Tenant.Name),
		slog.Int("threshold", d.Threshold), slog.String("reason", string(d.Reason)))
}
