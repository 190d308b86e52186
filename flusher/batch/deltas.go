package batch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Deltas is what sum batches together add to rollups and usage_daily. Each key has one row, because
// an upsert may touch a row only once.
type Deltas struct {
	minutes map[scripts.MinuteKey]meter.Amounts
	Days    map[scripts.DayKey]meter.Amounts
}

// minuteRow and DayRow are rows with the amounts to add to them.
type minuteRow struct {
	scripts.MinuteKey
	amounts meter.Amounts
}
type DayRow struct {
	scripts.DayKey
	amounts meter.Amounts
}

// NewDeltas returns deltas that add nothing.
func NewDeltas() Deltas {
	return Deltas{map[scripts.MinuteKey]meter.Amounts{}, map[scripts.DayKey]meter.Amounts{}}
}

func (d Deltas) addSum(sum scripts.Sum) error {
	for key, n := range sum.Minutes {
		if err := addTo(d.minutes, key, n); err != nil {
			return err
		}
	}
	for key, n := range sum.Days {
		if err := addTo(d.Days, key, n); err != nil {
			return err
		}
	}
	return nil
}

func addTo[K comparable](m map[K]meter.Amounts, key K, n meter.Amounts) error {
	sum, ok := m[key].AddExact(n)
	if !ok {
		return fmt.Errorf("add up batches: %w", errAmount)
	}
	m[key] = sum
	return nil
}

// minuteRows returns the rows of rollups in key order. The order is the same in every flusher, so
// that two flushers take row locks in the same order.
func (d Deltas) minuteRows() []minuteRow {
	rows := make([]minuteRow, 0, len(d.minutes))
	for key, n := range d.minutes {
		rows = append(rows, minuteRow{key, n})
	}
	slices.SortFunc(rows, func(x, y minuteRow) int {
		return cmp.Or(strings.Compare(x.Tenant, y.Tenant),
			strings.Compare(x.Feature, y.Feature), cmp.Compare(x.Minute, y.Minute))
	})
	return rows
}

// DayRows returns the rows of usage_daily in key order.
func (d Deltas) DayRows() []DayRow {
	rows := make([]DayRow, 0, len(d.Days))
	for key, n := range d.Days {
		rows = append(rows, DayRow{key, n})
	}
	slices.SortFunc(rows, func(x, y DayRow) int {
		return cmp.Or(strings.Compare(x.Tenant, y.Tenant),
			cmp.Compare(x.Day, y.Day), strings.Compare(x.Feature, y.Feature))
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
	var amounts store.AmountRows
	for i, r := range rows {
		tenants[i], features[i], minutes[i] = r.Tenant, r.Feature, r.Minute
		amounts.Add(r.amounts)
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO rollups AS r (tenant, feature, minute, `+store.AmountColumns+`)
		SELECT tenant, feature, to_timestamp(minute * 60), `+store.AmountColumns+`
		FROM unnest($1::text[], $2::text[], $3::bigint[], `+store.AmountParameters(3)+`)
			AS a (tenant, feature, minute, `+store.AmountColumns+`)
		ON CONFLICT (tenant, feature, minute)
			DO UPDATE SET `+store.AddAmounts("r")+`, updated_at = now()`,
		amounts.Arguments(pq.Array(tenants), pq.Array(features), pq.Array(minutes))...)
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
	var amounts store.AmountRows
	for i, r := range rows {
		tenants[i], days[i], features[i] = r.Tenant, int64(r.Day), r.Feature
		amounts.Add(r.amounts)
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO usage_daily AS u (tenant, day, feature, `+store.AmountColumns+`)
		SELECT tenant, date '1970-01-01' + day::int, feature, `+store.AmountColumns+`
		FROM unnest($1::text[], $2::bigint[], $3::text[], `+store.AmountParameters(3)+`)
			AS a (tenant, day, feature, `+store.AmountColumns+`)
		ON CONFLICT (tenant, day, feature)
			DO UPDATE SET `+store.AddAmounts("u")+`, updated_at = now()`,
		amounts.Arguments(pq.Array(tenants), pq.Array(days), pq.Array(features))...)
	if err != nil {
		return fmt.Errorf("add to usage_daily: %w", err)
	}
	return nil
}
