package torture

import (
	"context"
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// crossing is a threshold that a tenant has reached in a billing period.
type crossing struct {
	tenant    string
	period    meter.Day // its first day
	threshold int64
}

func (c crossing) String() string {
	return fmt.Sprintf("%s at %d%% in the period from %s", c.tenant, c.threshold, c.period)
}

// quotaPeriod is the first day of the period in which an event of a tenant with a quota is
// counted.
func quotaPeriod(at time.Time) meter.Day {
	return meter.PeriodAt(at, 1, time.UTC).From
}

// crossings are those that the events in Postgres have made, in any period.
func (r *rig) crossings(ctx context.Context) (map[crossing]bool, error) {
	var events []struct {
		Tenant string    `db:"tenant"`
		Tokens int64     `db:"tokens"`
		At     time.Time `db:"created_at"`
	}
	err := r.db.SelectContext(ctx, &events,
		"SELECT tenant, tokens, created_at FROM events WHERE tenant LIKE 'quota-%'")
	if err != nil {
		return nil, fmt.Errorf("read the events of tenants with a quota: %w", err)
	}
	used := map[crossing]int64{}
	for _, e := range events {
		used[crossing{tenant: e.Tenant, period: quotaPeriod(e.At)}] += e.Tokens
	}
	all := map[crossing]bool{}
	for c, tokens := range used {
		for _, c.threshold = range quotaThresholds {
			if tokens*100 >= c.threshold*quota {
				all[c] = true
			}
		}
	}
	return all, nil
}

// alert is a row of alerts with its delivery.
type alert struct {
	ID        string    `db:"id"`
	Tenant    string    `db:"tenant"`
	Period    meter.Day `db:"period"`
	Threshold int64     `db:"threshold"`
	Announced bool      `db:"announced"`
	Attempts  int       `db:"attempts"`
	Status    string    `db:"status"`
}

func (a alert) crossing() crossing { return crossing{a.Tenant, a.Period, a.Threshold} }

func (r *rig) alerts(ctx context.Context) (all []alert, err error) {
	err = r.db.SelectContext(ctx, &all,
		`SELECT a.id, a.tenant, a.period_start - date '1970-01-01' AS period, a.threshold,
		d.id IS NOT NULL AS announced, coalesce(d.attempts, 0) AS attempts,
			coalesce(d.status, '') AS status
		FROM alerts a LEFT JOIN deliveries d ON d.alert_id = a.id`)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	return all, nil
}

// awaitAlerts waits until all crossings of the present period are noticed, by the next
// comparison, and told, at the latest when the lease of an alerter has ended that died
// with a message.
func (r *rig) awaitAlerts(ctx context.Context) error {
	all, err := r.crossings(ctx)
	if err != nil {
		return err
	}
	var missing, pending int
	err = waittest.Wait(ctx, waittest.Patience, "alerts to be delivered", func() bool {
		alerts, err := r.alerts(ctx)
		if err != nil {
			return false
		}
		told := map[crossing]bool{}
		missing, pending = 0, 0
		for _, a := range alerts {
			told[a.crossing()] = true
			if a.Status == "pending" {
				pending++
			}
		}
		for c := range all {
			if c.period == quotaPeriod(time.Now()) && !told[c] {
				missing++
			}
		}
		return missing+pending == 0
	})
	if err != nil {
		return fmt.Errorf("%w: %d alerts are missing, and %d deliveries are pending",
			err, missing, pending)
	}
	return nil
}

// checkAlerts expects one alert for each crossing, a message about the highest of each tenant
// and period, and no message that was not attempted. A crossing in another period than the
// present one, made by a clock that was off, has its alert only if the alerter's showed that
// period. Usage that was lost may have been alerted of, and alerts again when it is
// reached again.
func (r *rig) checkAlerts(ctx context.Context) (messages, repeated int) {
	r.t.Helper()
	all, err := r.crossings(ctx)
	if err != nil {
		r.t.Error(err)
		return 0, 0
	}
	alerts, err := r.alerts(ctx)
	if err != nil {
		r.t.Error(err)
		return 0, 0
	}
	lossy := r.journal.lossy()
	highest := map[crossing]int64{} // of all thresholds, those with an alert
	seen := map[crossing]bool{}
	for _, a := range alerts {
		c := a.crossing()
		if seen[c] && !lossy {
			r.t.Errorf("%s was crossed once and has more than one alert", c)
		}
		if !all[c] && !lossy {
			r.t.Errorf("%s has an alert and was not reached", c)
		}
		seen[c] = true
		tenant := crossing{tenant: c.tenant, period: c.period}
		highest[tenant] = max(highest[tenant], c.threshold)
	}
	for _, a := range alerts {
		c, sent := a.crossing(), r.slack.count(a.ID)
		switch {
		case !a.Announced &&
			(sent > 0 || highest[crossing{tenant: c.tenant, period: c.period}] == c.threshold):
			r.t.Errorf("alert %s of %s has no delivery, Slack got it %d times", a.ID, c, sent)
		case a.Announced && (a.Status != "delivered" || sent < 1 || sent > a.Attempts):
			r.t.Errorf("alert %s of %s: %s after %d attempts, Slack got it %d times",
				a.ID, c, a.Status, a.Attempts, sent)
		case a.Announced:
			messages++
			repeated += sent - 1
		}
	}
	for c := range all {
		if c.period == quotaPeriod(time.Now()) && !seen[c] {
			r.t.Errorf("%s was reached and has no alert", c)
		}
	}
	if n := r.slack.alerts(); n != messages {
		r.t.Errorf("Slack knows %d alerts, Postgres %d", n, messages)
	}
	return messages, repeated
}
