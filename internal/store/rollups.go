package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// TenantMinutes is a tenant and the unix minutes First to Last to read.
type TenantMinutes struct {
	Tenant      string
	First, Last int64
}

// MinuteUsage is a tenant's settled tokens of all features in a minute.
type MinuteUsage struct {
	Tenant string `db:"tenant"`
	Minute int64  `db:"minute"` // unix time in minutes
	Tokens int64  `db:"tokens"`
}

// MinuteUsages adds up rollups for each key, minute by minute. None before the unix minute
// from is read; that tells Postgres how little of the table is asked for.
func MinuteUsages(
	ctx context.Context, q sqlx.QueryerContext, keys []TenantMinutes, from int64,
) ([]MinuteUsage, error) {
	names, first, last := make([]string, len(keys)), make([]int64, len(keys)), make([]int64, len(keys))
	for i, k := range keys {
		names[i], first[i], last[i] = k.Tenant, k.First, k.Last
	}
	var rows []MinuteUsage
	err := sqlx.SelectContext(ctx, q, &rows, `SELECT tenant,
		(extract(epoch FROM minute) / 60)::bigint AS minute, `+BoundedSum(meter.Tokens.Spec().Column)+` AS tokens
		FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS k (name, first, last)
		JOIN rollups r ON r.tenant = k.name AND r.minute >= $4
			AND r.minute BETWEEN to_timestamp(k.first * 60) AND to_timestamp(k.last * 60)
		GROUP BY tenant, r.minute`, pq.Array(names), pq.Array(first), pq.Array(last),
		time.Unix(from*60, 0).UTC())
	if err != nil {
		return nil, fmt.Errorf("add up settled minutes: %w", err)
	}
	return rows, nil
}

// SeriesUsage is settled usage in one of the intervals that were asked for.
type SeriesUsage struct {
	Interval int           `db:"interval"` // from 0
	Feature  string        `db:"feature"`  // empty unless split by feature
	Used     meter.Amounts `db:"used"`
}

// Series asks for a tenant's usage in consecutive intervals.
type Series struct {
	Tenant string
	// Starts are the intervals' starts; the last is the end of the one before it.
	Starts []time.Time
	// Days are the local days of Starts. Unless it is nil, usage_daily is read: usage
	// counts at the day on which it was acknowledged, whatever Starts say.
	Days []meter.Day
	// Feature restricts it to one feature; nil means all.
	Feature *string
	// Split tells the features apart.
	Split bool
}

// SeriesUsages adds up rollups, or usage_daily, in each interval. Intervals without usage
// are left out.
func SeriesUsages(ctx context.Context, q sqlx.QueryerContext, s Series) ([]SeriesUsage, error) {
	last := len(s.Starts) - 1
	if last < 1 {
		return nil, nil
	}
	feature, group := "''", "1"
	if s.Split {
		feature, group = "feature", "1, 2"
	}
	table, at, starts, from, to := "rollups", "minute", any(pq.Array(s.Starts)), any(s.Starts[0]),
		any(s.Starts[last])
	kind := "timestamptz"
	if s.Days != nil {
		table, at, kind = "usage_daily", "day", "date"
		days := make([]string, len(s.Days))
		for i, d := range s.Days {
			days[i] = d.String()
		}
		starts, from, to = pq.Array(days), days[0], days[last]
	}
	var rows []SeriesUsage
	err := sqlx.SelectContext(ctx, q, &rows,
		`SELECT width_bucket(`+at+`, $1::`+kind+`[]) - 1 AS interval, `+feature+` AS feature, `+
			SumAmounts()+` AS used
		FROM `+table+` WHERE tenant = $2
			AND `+at+` >= $3 AND `+at+` < $4 AND ($5::text IS NULL OR feature = $5) GROUP BY `+group,
		starts, s.Tenant, from, to, s.Feature)
	if err != nil {
		return nil, fmt.Errorf("add up settled series: %w", err)
	}
	return rows, nil
}
