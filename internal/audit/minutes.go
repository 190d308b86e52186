package audit

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// featuresOf lists the features of tenant t in rollups by jumping through the primary key from one
// feature to the next. The table's other columns have no index, and reading a year of minutes to
// find those of a day would take a hundred times as long. first and after limit the read to the
// partitions of the range. They must be partition bounds, so that all rows of a partition match: a
// jump would not find a minute in the middle.
func featuresOf(first, after string) string {
	within := "minute >= " + first + "::timestamptz AND minute < " + after + "::timestamptz"
	return `LATERAL (
	WITH RECURSIVE f AS (
		(SELECT feature FROM rollups
			WHERE tenant = t.name AND ` + within + ` ORDER BY feature LIMIT 1)
		UNION ALL
		SELECT (SELECT r.feature FROM rollups r
			WHERE r.tenant = t.name AND r.feature > f.feature AND ` + within + `
			ORDER BY r.feature LIMIT 1)
		FROM f WHERE f.feature IS NOT NULL)
	SELECT feature FROM f WHERE feature IS NOT NULL) f`
}

// spanOf reads the bounds of the rollups partitions that hold the range of q, as two instants in
// Postgres's text form.
func spanOf(ctx context.Context, tx *sqlx.Tx, q Query) (span [2]string, err error) {
	const bounds = `SELECT coalesce(max(first) FILTER (WHERE first <= $1), '-infinity')::text,
		coalesce(min(after) FILTER (WHERE after >= $2), 'infinity')::text
		FROM partitions_of('rollups')`
	err = tx.QueryRowContext(ctx, bounds, q.From, q.To).Scan(&span[0], &span[1])
	if err != nil {
		return span, fmt.Errorf("look for partitions of rollups: %w", err)
	}
	return span, nil
}

// event and rollup name the columns of an amount's two paths in the queries below.
func event(a meter.AmountSpec) string  { return "event_" + a.Name }
func rollup(a meter.AmountSpec) string { return "rollup_" + a.Name }

// as names a value for each amount.
func as(value, name func(meter.AmountSpec) string) string {
	return store.EachAmount(", ", func(a meter.AmountSpec) string {
		return value(a) + " AS " + name(a)
	})
}

// none is an amount's value on the other path.
func none(meter.AmountSpec) string { return "0" }

// sumOf sums the entries of one path.
func sumOf(way func(meter.AmountSpec) string) func(meter.AmountSpec) string {
	return func(a meter.AmountSpec) string { return store.BoundedSum(way(a)) }
}

// differ is an SQL condition: the two paths differ in an amount.
func differ(one, other func(meter.AmountSpec) string) string {
	return "(" + store.EachAmount(", ", one) + ") <> (" + store.EachAmount(", ", other) + ")"
}

// minutesQuery returns the rows that differ and, without a tenant, the number of all rows. OFFSET 0
// keeps the planner from reading all of rollups.
var minutesQuery = `WITH both_ways AS (
	SELECT tenant, feature, minute,
		` + as(sumOf(event), event) + ", " + as(sumOf(rollup), rollup) + `
	FROM (
		SELECT tenant, feature, date_bin('1 minute', created_at, timestamptz 'epoch') AS minute,
			` + as(store.OfEvent, event) + ", " + as(none, rollup) + `
		FROM events
		WHERE created_at >= $1 AND created_at < $2 AND ($3 = '' OR tenant = $3)
		UNION ALL
		SELECT t.name, f.feature, r.minute, ` + as(none, event) + ", " + store.AmountColumns + `
		FROM tenants t, ` + featuresOf("$4", "$5") + `, LATERAL (
			SELECT minute, ` + store.AmountColumns + ` FROM rollups
			WHERE tenant = t.name AND feature = f.feature AND minute >= $1 AND minute < $2
			OFFSET 0) r
		WHERE $3 = '' OR t.name = $3
	) entries
	GROUP BY tenant, feature, minute)
SELECT tenant, feature, minute, ` + store.ArrayOf(event) + ", " + store.ArrayOf(rollup) + `, 0
FROM both_ways WHERE ` + differ(event, rollup) + `
UNION ALL
SELECT NULL, NULL, NULL, ` + store.ArrayOf(none) + ", " + store.ArrayOf(none) + `, count(*)
FROM both_ways
ORDER BY 1, 2, 3`

// minutes compares events with rollups in the range.
func (c *comparison) minutes(ctx context.Context) error {
	found, err := c.minutesOf(ctx, c.query, &c.report)
	c.report.Minutes = found
	return err
}

// minutesOf compares q one (UTC) day at a time. A day is one partition of events, which bounds the
// memory that Postgres needs.
func (c *comparison) minutesOf(
	ctx context.Context, q Query, counts *Report) ([]MinuteDrift, error) {
	var found []MinuteDrift
	if since := c.kept.Both(); q.From.Before(since) {
		q.From = since // the beginning of a minute
	}
	for from := q.From; from.Before(q.To); {
		to := from.Truncate(24 * time.Hour).Add(24 * time.Hour)
		if to.After(q.To) {
			to = q.To
		}
		part, err := c.minutesOfDay(ctx, Query{from, to, q.Tenant}, counts)
		if err != nil {
			return nil, err
		}
		found, from = append(found, part...), to
	}
	sortMinutes(found)
	return found, nil
}

func (c *comparison) minutesOfDay(
	ctx context.Context, q Query, counts *Report) (found []MinuteDrift, err error) {
	rows, err := c.tx.QueryContext(ctx, minutesQuery, q.From, q.To, q.Tenant, c.span[0], c.span[1])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var tenant, feature sql.NullString
		var minute sql.NullTime
		var d MinuteDrift
		var all int64
		if err := rows.Scan(&tenant, &feature, &minute, &d.Events, &d.Rollups, &all); err != nil {
			return nil, err
		}
		if !tenant.Valid {
			counts.Rows += all
			continue
		}
		d.Series, d.Minute = Series{tenant.String, feature.String}, minute.Time.UTC()
		row := scripts.MinuteKey{Tenant: d.Tenant, Feature: d.Feature, Minute: d.Minute.Unix() / 60}
		if c.moving.rows[row] {
			continue
		}
		d.Events, d.Rollups = d.Events.Add(c.dead.events[row]), d.Rollups.Add(c.dead.rollups[row])
		if d.Events == d.Rollups {
			counts.Explained++
			continue
		}
		found = append(found, d)
	}
	return found, rows.Err()
}
