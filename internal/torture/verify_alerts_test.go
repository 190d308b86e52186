package torture

import (
	"context"
	"fmt"
	"time"
)

// crossing is a threshold that a tenant has reached.
type crossing struct {
	tenant    string
	threshold int64
}

// crossings are those that the acknowledged events have made. People must be told of the
// highest of a tenant: one that is reached together with a higher one is not announced.
func (r *rig) crossings() (all map[crossing]bool, highest map[string]int64) {
	j := r.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	used := map[string]int64{}
	for _, n := range j.acked {
		used[n.tenant] += n.tokens
	}
	all, highest = map[crossing]bool{}, map[string]int64{}
	for _, tenant := range quotaTenants {
		for _, threshold := range quotaThresholds {
			if used[tenant]*100 >= threshold*quota {
				all[crossing{tenant, threshold}] = true
				highest[tenant] = max(highest[tenant], threshold)
			}
		}
	}
	return all, highest
}

// awaitAlerts waits until all crossings are noticed, by the next comparison, and told, at the
// latest when the lease of an alerter has ended that died with a message.
func (r *rig) awaitAlerts(ctx context.Context) error {
	all, _ := r.crossings()
	var alerts, pending int
	err := eventually(ctx, time.Minute, fmt.Sprint(len(all), " alerts to be delivered"), func() bool {
		err := r.db.GetContext(ctx, &alerts, "SELECT count(*) FROM alerts")
		if err == nil {
			err = r.db.GetContext(ctx, &pending, "SELECT count(*) FROM alert_deliveries WHERE status = 'pending'")
		}
		return err == nil && pending == 0 && alerts >= len(all)
	})
	if err != nil {
		return fmt.Errorf("%w: there are %d alerts, and %d deliveries are pending", err, alerts, pending)
	}
	return nil
}

// checkAlerts expects one alert for each crossing, a message about the highest of each tenant,
// and no message that was not attempted. An event of unknown outcome may have made a crossing
// more.
func (r *rig) checkAlerts(ctx context.Context) (messages, repeated int) {
	r.t.Helper()
	var rows []struct {
		ID        string `db:"id"`
		Tenant    string `db:"tenant"`
		Threshold int64  `db:"threshold"`
		Announced bool   `db:"announced"`
		Attempts  int    `db:"attempts"`
		Status    string `db:"status"`
	}
	if err := r.db.SelectContext(ctx, &rows, `SELECT a.id, a.tenant, a.threshold, d.id IS NOT NULL AS announced,
		coalesce(d.attempts, 0) AS attempts, coalesce(d.status, '') AS status
		FROM alerts a LEFT JOIN alert_deliveries d ON d.alert_id = a.id`); err != nil {
		r.t.Errorf("read alerts: %v", err)
		return 0, 0
	}
	all, highest := r.crossings()
	seen := map[crossing]bool{}
	for _, row := range rows {
		c := crossing{row.Tenant, row.Threshold}
		if seen[c] {
			r.t.Errorf("%s crossed %d%% once and has more than one alert", row.Tenant, row.Threshold)
		}
		seen[c] = true
		sent := r.slack.count(row.ID)
		switch {
		case !row.Announced && (sent > 0 || highest[row.Tenant] == row.Threshold):
			r.t.Errorf("alert %s of %s at %d%% has no delivery, Slack got it %d times", row.ID, row.Tenant, row.Threshold, sent)
		case row.Announced && (row.Status != "delivered" || sent < 1 || sent > row.Attempts):
			r.t.Errorf("alert %s of %s: %s after %d attempts, Slack got it %d times", row.ID, row.Tenant, row.Status, row.Attempts, sent)
		case row.Announced:
			messages++
			repeated += sent - 1
		}
	}
	for c := range all {
		if !seen[c] {
			r.t.Errorf("%s crossed %d%% and has no alert", c.tenant, c.threshold)
		}
	}
	if n := r.slack.alerts(); n != messages {
		r.t.Errorf("Slack knows %d alerts, Postgres %d", n, messages)
	}
	return messages, repeated
}
