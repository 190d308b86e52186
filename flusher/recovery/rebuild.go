package recovery

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// rebuild recomputes from events the rows of rollups that may be wrong, and changes usage_daily by
// the difference: step 12. Besides the touched rows, rows may be wrong whose events reached
// Postgres while their counters were still open and then were lost. Rows of days that are no longer
// kept in events stay, and so do rows whose events are all gone.
func (t *recoveryTx) rebuild(ctx context.Context) error {
	_, err := t.tx.ExecContext(ctx, `
		INSERT INTO touched SELECT DISTINCT tenant, feature, date_trunc('minute', created_at)
		FROM events WHERE id >= $1`, t.since)
	if err != nil {
		return fmt.Errorf("look for unsettled events: %w", err)
	}
	for _, statement := range []string{
		// A statement with arguments cannot create a table.
		"CREATE TEMP TABLE suspect ON COMMIT DROP AS SELECT DISTINCT tenant, feature, minute" +
			" FROM touched JOIN own USING (tenant) WHERE minute >= " +
			pq.QuoteLiteral(t.kept.Format(time.RFC3339)),
		"ANALYZE suspect", // otherwise the plan below may be a nested loop
		`CREATE TEMP TABLE counted (tenant text, feature text, minute timestamptz, ` +
			store.EachAmount(", ", func(a meter.AmountSpec) string {
				return a.Column + " bigint"
			}) + `) ON COMMIT DROP`,
	} {
		if _, err := t.tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("make tables of rebuild: %w", err)
		}
	}
	if err := t.count(ctx); err != nil {
		return err
	}
	counted := store.ArrayOf(func(a meter.AmountSpec) string { return "c." + a.Column })
	old := store.ArrayOf(func(a meter.AmountSpec) string {
		return "coalesce(r." + a.Column + ", 0)"
	})
	moved := store.ArrayOf(func(a meter.AmountSpec) string {
		return "c." + a.Column + " - coalesce(r." + a.Column + ", 0)"
	})
	_, err = t.tx.ExecContext(ctx, `CREATE TEMP TABLE rebuilt ON COMMIT DROP AS
		SELECT c.*, `+moved+` AS moved
		FROM counted c LEFT JOIN rollups r USING (tenant, feature, minute)
		WHERE `+counted+` <> `+old)
	if err != nil {
		return fmt.Errorf("compare with rollups: %w", err)
	}
	_, err = t.tx.ExecContext(ctx, `
		INSERT INTO rollups (tenant, feature, minute, `+store.AmountColumns+`)
		SELECT tenant, feature, minute, `+store.AmountColumns+`
		FROM rebuilt ORDER BY tenant, feature, minute
		ON CONFLICT (tenant, feature, minute)
			DO UPDATE SET `+store.SetAmounts()+`, updated_at = now()`)
	if err != nil {
		return fmt.Errorf("rebuild rollups: %w", err)
	}
	return t.moveDays(ctx)
}

// count adds up the events of all suspect rows. It reads each day once, from its first suspect
// minute to its last. A late event of last month therefore does not cost reading a month, and a
// thousand of them spread over a day do not cost reading the day a thousand times. The index on
// created_at finds a range of time only where hardly any event is late.
func (t *recoveryTx) count(ctx context.Context) error {
	var days []struct{ First, Last time.Time }
	err := t.tx.SelectContext(ctx, &days, `SELECT min(minute) AS first, max(minute) AS last
		FROM suspect GROUP BY date_trunc('day', minute, 'UTC')`)
	if err != nil {
		return fmt.Errorf("look for days to rebuild: %w", err)
	}
	sums := store.EachAmount(", ", func(a meter.AmountSpec) string {
		return store.BoundedSum(store.OfEvent(a))
	})
	for _, d := range days {
		_, err := t.tx.ExecContext(ctx, `INSERT INTO counted
			SELECT s.tenant, s.feature, s.minute, `+sums+`
			FROM events e JOIN suspect s ON s.tenant = e.tenant AND s.feature = e.feature
				AND s.minute = date_trunc('minute', e.created_at)
			WHERE e.created_at >= $1 AND e.created_at < $2 AND s.minute >= $1 AND s.minute < $2
			GROUP BY 1, 2, 3`,
			d.First, d.Last.Add(time.Minute))
		if err != nil {
			return fmt.Errorf("add up events of %s: %w", d.First.UTC().Format(time.DateOnly), err)
		}
	}
	return nil
}

// moveDays adds the differences of the rebuilt rows to usage_daily, on the day of the minute in the
// tenant's present zone. The day on which the event was counted when it was acknowledged is not
// known.
func (t *recoveryTx) moveDays(ctx context.Context) error {
	var rows []struct {
		Tenant, Feature string
		Minute          int64
		Moved           meter.Amounts
	}
	err := t.tx.SelectContext(ctx, &rows, `
		SELECT tenant, feature, (extract(epoch FROM minute) / 60)::bigint AS minute, moved
		FROM rebuilt`)
	if err != nil {
		return fmt.Errorf("read rebuilt rows: %w", err)
	}
	t.done.Rows = int64(len(rows))
	moved := batch.NewDeltas()
	for _, r := range rows {
		day := t.tenants[r.Tenant].Day(time.Unix(r.Minute*60, 0))
		key := scripts.DayKey{Tenant: r.Tenant, Day: day, Feature: r.Feature}
		// Postgres refuses a sum that was clamped at the bounds.
		moved.Days[key] = moved.Days[key].Add(r.Moved)
	}
	h := batch.Bisector{Tx: t.tx, Batch: &batch.Batch{Batch: scripts.Batch{ID: t.recoveryID},
		Kind: ledger.Sum}}
	err = batch.Bisect(ctx, &h, moved.DayRows(),
		func(part []batch.DayRow) error { return batch.AddDays(ctx, t.tx, part) },
		func(r batch.DayRow) ([]byte, error) { return json.Marshal(batch.DeadDay(r)) })
	if err != nil {
		return err
	}
	t.done.Dead += h.Dead()
	return nil
}
