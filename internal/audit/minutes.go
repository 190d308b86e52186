package audit

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/scripts"
)

// featuresOf lists the features of tenant t in rollups by jumping through the primary
// key from one to the next: the table's other columns have no index, and reading a year
// of minutes to find a day's would take a hundred times as long. first and after are the
// arguments by which only the partitions of the range are read, and of these all rows: a
// minute in the middle would not be found by a jump.
func featuresOf(first, after string) string {
	within := "minute >= " + first + "::timestamptz AND minute < " + after + "::timestamptz"
	return `LATERAL (
	WITH RECURSIVE f AS (
		(SELECT feature FROM rollups WHERE tenant = t.name AND ` + within + ` ORDER BY feature LIMIT 1)
		UNION ALL
		SELECT (SELECT r.feature FROM rollups r WHERE r.tenant = t.name AND r.feature > f.feature AND ` + within + ` ORDER BY r.feature LIMIT 1)
		FROM f WHERE f.feature IS NOT NULL)
	SELECT feature FROM f WHERE feature IS NOT NULL) f`
}

// spanOf reads where the partitions of rollups begin and end that hold the range of q: two
// instants in the words of Postgres.
func spanOf(ctx context.Context, tx *sqlx.Tx, q Query) (span [2]string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT coalesce(max(first) FILTER (WHERE first <= $1), '-infinity')::text,
		coalesce(min(after) FILTER (WHERE after >= $2), 'infinity')::text FROM partitions_of('rollups')`, q.From, q.To).Scan(&span[0], &span[1])
	if err != nil {
		return span, fmt.Errorf("look for partitions of rollups: %w", err)
	}
	return span, nil
}

// bounded turns a sum into a bigint that has a negative, instead of failing.
func bounded(sum string) string {
	return "greatest(least(" + sum + ", 9223372036854775807), -9223372036854775807)::bigint"
}

// minutesQuery returns the rows that differ and, without a tenant, how many rows there
// are. OFFSET 0 keeps the planner from reading rollups as a whole.
var minutesQuery = `WITH both_ways AS (
	SELECT tenant, feature, minute, ` + bounded("sum(event_tokens)") + ` AS event_tokens, sum(events)::bigint AS events,
		` + bounded("sum(rollup_tokens)") + ` AS rollup_tokens, ` + bounded("sum(rollup_events)") + ` AS rollup_events
	FROM (
		SELECT tenant, feature, date_bin('1 minute', created_at, timestamptz 'epoch') AS minute,
			tokens AS event_tokens, 1 AS events, 0 AS rollup_tokens, 0 AS rollup_events
		FROM events
		WHERE created_at >= $1 AND created_at < $2 AND ($3 = '' OR tenant = $3)
		UNION ALL
		SELECT t.name, f.feature, r.minute, 0, 0, r.total_tokens, r.events
		FROM tenants t, ` + featuresOf("$4", "$5") + `, LATERAL (
			SELECT minute, total_tokens, events FROM rollups
			WHERE tenant = t.name AND feature = f.feature AND minute >= $1 AND minute < $2 OFFSET 0) r
		WHERE $3 = '' OR t.name = $3
	) entries
	GROUP BY tenant, feature, minute)
SELECT tenant, feature, minute, event_tokens, events, rollup_tokens, rollup_events
FROM both_ways WHERE event_tokens <> rollup_tokens OR events <> rollup_events
UNION ALL
SELECT NULL, NULL, NULL, count(*), 0, 0, 0 FROM both_ways
ORDER BY 1, 2, 3`

// minutes compares events with rollups in the range.
func (c *comparison) minutes(ctx context.Context) error {
	found, err := c.minutesOf(ctx, c.query, &c.report)
	c.report.Minutes = found
	return err
}

// minutesOf compares q a (UTC) day at a time: that is one partition of events, and bounds
// what Postgres keeps in memory.
func (c *comparison) minutesOf(ctx context.Context, q Query, counts *Report) ([]MinuteDrift, error) {
	var found []MinuteDrift
	if since := c.kept.Both(); q.From.Before(since) {
		q.From = since // a minute's beginning
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

func (c *comparison) minutesOfDay(ctx context.Context, q Query, counts *Report) (found []MinuteDrift, err error) {
	rows, err := c.tx.QueryContext(ctx, minutesQuery, q.From, q.To, q.Tenant, c.span[0], c.span[1])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var tenant, feature sql.NullString
		var minute sql.NullTime
		var d MinuteDrift
		if err := rows.Scan(&tenant, &feature, &minute, &d.Events.Tokens, &d.Events.Events, &d.Rollups.Tokens, &d.Rollups.Events); err != nil {
			return nil, err
		}
		if !tenant.Valid {
			counts.Rows += d.Events.Tokens // the count
			continue
		}
		d.Series, d.Minute = Series{tenant.String, feature.String}, minute.Time.UTC()
		row := scripts.MinuteKey{Tenant: d.Tenant, Feature: d.Feature, Minute: d.Minute.Unix() / 60}
		if c.moving.rows[row] {
			continue
		}
		d.Events, d.Rollups = d.Events.plus(c.dead.events[row]), d.Rollups.plus(c.dead.rollups[row])
		if d.Events == d.Rollups {
			counts.Explained++
			continue
		}
		found = append(found, d)
	}
	return found, rows.Err()
}
