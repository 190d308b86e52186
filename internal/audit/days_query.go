package audit

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// daily and minutely name the columns of an amount's two sums in daysQuery.
func daily(a meter.AmountSpec) string    { return "daily_" + a.Name }
func minutely(a meter.AmountSpec) string { return "minute_" + a.Name }

// daysQuery returns each feature's days that differ, and all days of the series in $5 and $6.
var daysQuery = `WITH span AS (
	SELECT * FROM unnest($1::text[], $2::date[], $3::timestamptz[], $4::timestamptz[])
		AS s (tenant, day, first, after))
SELECT tenant, feature, day - date '1970-01-01' AS day,
	` + store.ArrayOf(sumOf(daily)) + " AS daily, " + store.ArrayOf(sumOf(minutely)) + ` AS minutes
FROM (
	SELECT s.tenant, f.feature, s.day, ` + as(none, daily) + `, m.*
	FROM (SELECT DISTINCT tenant AS name FROM span) t,
		` + featuresOf("$7", "$8") + `, span s, LATERAL (
		SELECT ` + as(totalOf, minutely) + ` FROM rollups
		WHERE tenant = t.name AND feature = f.feature AND minute >= s.first AND minute < s.after) m
	WHERE s.tenant = t.name
	UNION ALL
	SELECT s.tenant, u.feature, s.day, ` + store.AmountColumns + ", " + as(none, minutely) + `
	FROM span s JOIN usage_daily u ON u.tenant = s.tenant AND u.day = s.day
) entries
GROUP BY tenant, feature, day
HAVING ` + differ(exactly(daily), exactly(minutely)) + `
	OR (tenant, feature) IN (SELECT * FROM unnest($5::text[], $6::text[]))`

// totalOf sums a table's column, without a bound.
func totalOf(a meter.AmountSpec) string { return "coalesce(sum(" + a.Column + "), 0)" }

// exactly sums without a bound, for comparison.
func exactly(sum func(meter.AmountSpec) string) func(meter.AmountSpec) string {
	return func(a meter.AmountSpec) string { return "sum(" + sum(a) + ")" }
}

// totalsQuery returns the sums of all days and all minutes of each series, including dropped
// minutes.
var totalsQuery = `SELECT s.tenant, s.feature, d.used, m.used
FROM unnest($1::text[], $2::text[]) AS s (tenant, feature),
	LATERAL (SELECT ` + store.SumAmounts() + ` AS used
		FROM usage_daily u WHERE u.tenant = s.tenant AND u.feature = s.feature) d,
	LATERAL (SELECT ` + store.SumAmounts() + ` AS used
		FROM (SELECT ` + store.AmountColumns + ` FROM rollups
				WHERE tenant = s.tenant AND feature = s.feature
			UNION ALL SELECT ` + store.AmountColumns + ` FROM rollups_dropped
				WHERE tenant = s.tenant AND feature = s.feature) r) m`

// tenantDaysAtOnce is the number of tenants' days that one query compares: some 2 MB of arguments.
const tenantDaysAtOnce = 20_000

// spans are the local days of tenants, as arguments of daysQuery.
type spans struct{ tenants, days, first, after []string }

func (s *spans) add(tenant string, day meter.Day, zone *time.Location) {
	s.tenants, s.days = append(s.tenants, tenant), append(s.days, day.String())
	s.first = append(s.first, day.Start(zone).Format(time.RFC3339))
	s.after = append(s.after, (day + 1).Start(zone).Format(time.RFC3339))
}

// readDays reads the local days that the range touches and whose minutes are all kept. It returns
// the days that differ and the days of series.
func (c *comparison) readDays(
	ctx context.Context, series []Series) (map[scripts.DayKey]DayDrift, error) {
	found := map[scripts.DayKey]DayDrift{}
	var s spans
	for tenant, zone := range c.zones {
		for day := meter.DayAt(c.query.From, zone); day.Start(zone).Before(c.query.To); day++ {
			if c.whole(tenant, day) {
				s.add(tenant, day, zone)
			}
		}
		if len(s.tenants) >= tenantDaysAtOnce {
			if err := c.readSpans(ctx, s, series, found); err != nil {
				return nil, err
			}
			s = spans{}
		}
	}
	return found, c.readSpans(ctx, s, series, found)
}

func (c *comparison) readSpans(
	ctx context.Context, s spans, series []Series, found map[scripts.DayKey]DayDrift) error {
	tenants, features := arraysOf(series)
	rows, err := c.tx.QueryContext(ctx, daysQuery,
		pq.Array(s.tenants), pq.Array(s.days), pq.Array(s.first), pq.Array(s.after),
		tenants, features, c.span[0], c.span[1])
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var d DayDrift
		if err := rows.Scan(&d.Tenant, &d.Feature, &d.Day, &d.Daily, &d.Minutes); err != nil {
			return err
		}
		found[scripts.DayKey{Tenant: d.Tenant, Day: d.Day, Feature: d.Feature}] = d
	}
	return rows.Err()
}

// readTotals reads the sums of series.
func readTotals(ctx context.Context, tx *sqlx.Tx, series []Series) (map[Series]TotalDrift, error) {
	totals := make(map[Series]TotalDrift, len(series))
	if len(series) == 0 {
		return totals, nil
	}
	tenants, features := arraysOf(series)
	rows, err := tx.QueryContext(ctx, totalsQuery, tenants, features)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var t TotalDrift
		if err := rows.Scan(&t.Tenant, &t.Feature, &t.Days, &t.Minutes); err != nil {
			return nil, err
		}
		totals[t.Series] = t
	}
	return totals, rows.Err()
}

// arraysOf returns series as arguments for unnest.
func arraysOf(series []Series) (tenants, features any) {
	t, f := make([]string, len(series)), make([]string, len(series))
	for i, s := range series {
		t[i], f[i] = s.Tenant, s.Feature
	}
	return pq.Array(t), pq.Array(f)
}
