package batch

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/scripts"
)

// Deltas is what sum batches add to rollups and usage_daily together: one row a
// key, since an upsert may touch a row once only.
type Deltas struct {
	minutes map[scripts.MinuteKey]scripts.Count
	Days    map[scripts.DayKey]scripts.Count
}

// minuteRow and DayRow are rows to add, with what they add.
type minuteRow struct {
	scripts.MinuteKey
	scripts.Count
}
type DayRow struct {
	scripts.DayKey
	scripts.Count
}

// NewDeltas returns deltas that add nothing.
func NewDeltas() Deltas {
	return Deltas{map[scripts.MinuteKey]scripts.Count{}, map[scripts.DayKey]scripts.Count{}}
}

func (a Deltas) addSum(sum scripts.Sum) error {
	for key, n := range sum.Minutes {
		if err := addTo(a.minutes, key, n); err != nil {
			return err
		}
	}
	for key, n := range sum.Days {
		if err := addTo(a.Days, key, n); err != nil {
			return err
		}
	}
	return nil
}

func addTo[K comparable](m map[K]scripts.Count, key K, n scripts.Count) error {
	have := m[key]
	if have.Tokens > math.MaxInt64-n.Tokens || have.Events > math.MaxInt64-n.Events {
		return fmt.Errorf("add up batches: %w", errAmount)
	}
	m[key] = scripts.Count{Tokens: have.Tokens + n.Tokens, Events: have.Events + n.Events}
	return nil
}

// minuteRows are the rows of rollups in key order, the same in every flusher, so
// that two of them take row locks in the same order.
func (a Deltas) minuteRows() []minuteRow {
	rows := make([]minuteRow, 0, len(a.minutes))
	for key, n := range a.minutes {
		rows = append(rows, minuteRow{key, n})
	}
	slices.SortFunc(rows, func(x, y minuteRow) int {
		return cmp.Or(strings.Compare(x.Tenant, y.Tenant), strings.Compare(x.Feature, y.Feature), cmp.Compare(x.Minute, y.Minute))
	})
	return rows
}

// DayRows are the rows of usage_daily in key order.
func (a Deltas) DayRows() []DayRow {
	rows := make([]DayRow, 0, len(a.Days))
	for key, n := range a.Days {
		rows = append(rows, DayRow{key, n})
	}
	slices.SortFunc(rows, func(x, y DayRow) int {
		return cmp.Or(strings.Compare(x.Tenant, y.Tenant), cmp.Compare(x.Day, y.Day), strings.Compare(x.Feature, y.Feature))
	})
	return rows
}

// addRollups adds rows to rollups in one statement.
func addRollups(ctx context.Context, tx sqlx.ExecerContext, rows []minuteRow) error {
	if len(rows) == 0 {
		return nil
	}
	n := len(rows)
	tenants, features, minutes := make([]string, n), make([]string, n), make([]int64, n)
	tokens, events := make([]int64, n), make([]int64, n)
	for i, r := range rows {
		tenants[i], features[i], minutes[i], tokens[i], events[i] = r.Tenant, r.Feature, r.Minute, r.Tokens, r.Events
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO rollups AS r (tenant, feature, minute, total_tokens, events)
		SELECT tenant, feature, to_timestamp(minute * 60), tokens, events
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS a (tenant, feature, minute, tokens, events)
		ON CONFLICT (tenant, feature, minute) DO UPDATE SET total_tokens = r.total_tokens + excluded.total_tokens,
			events = r.events + excluded.events, updated_at = now()`,
		pq.Array(tenants), pq.Array(features), pq.Array(minutes), pq.Array(tokens), pq.Array(events))
	if err != nil {
		return fmt.Errorf("add to rollups: %w", err)
	}
	return nil
}

// AddDays adds rows to usage_daily in one statement.
func AddDays(ctx context.Context, tx sqlx.ExecerContext, rows []DayRow) error {
	if len(rows) == 0 {
		return nil
	}
	n := len(rows)
	tenants, days, features := make([]string, n), make([]int64, n), make([]string, n)
	tokens, events := make([]int64, n), make([]int64, n)
	for i, r := range rows {
		tenants[i], days[i], features[i], tokens[i], events[i] = r.Tenant, int64(r.Day), r.Feature, r.Tokens, r.Events
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO usage_daily AS u (tenant, day, feature, total_tokens, events)
		SELECT tenant, date '1970-01-01' + day::int, feature, tokens, events
		FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) AS a (tenant, day, feature, tokens, events)
		ON CONFLICT (tenant, day, feature) DO UPDATE SET total_tokens = u.total_tokens + excluded.total_tokens,
			events = u.events + excluded.events, updated_at = now()`,
		pq.Array(tenants), pq.Array(days), pq.Array(features), pq.Array(tokens), pq.Array(events))
	if err != nil {
		return fmt.Errorf("add to usage_daily: %w", err)
	}
	return nil
}
