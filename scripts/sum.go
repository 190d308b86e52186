package scripts

import (
	"context"
	"fmt"
	"strconv"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Sum is the content of a sum batch.
type Sum struct {
	// Minutes are what the batch adds to rollups; Days are what it adds to usage_daily.
	Minutes map[MinuteKey]meter.Amounts
	Days    map[DayKey]meter.Amounts
}

// MinuteKey is a row of rollups; Minute is the unix time in minutes.
type MinuteKey struct {
	Tenant, Feature string
	Minute          int64
}

// DayKey is a row of usage_daily.
type DayKey struct {
	Tenant  string
	Day     meter.Day
	Feature string
}

// ReadSum returns the content of a sum batch, which is empty if the batch has been dropped
// meanwhile. It reads in steps of 2,000 fields, so that a minute of 100,000 counters does not block
// Valkey.
func (v *Valkey) ReadSum(ctx context.Context, shard int, id string) (Sum, error) {
	sum := Sum{Minutes: map[MinuteKey]meter.Amounts{}, Days: map[DayKey]meter.Amounts{}}
	var minute int64
	scan := v.rdb.HScan(ctx, sumPrefix(shard)+id, 0, "", 2000).Iterator()
	// The hash is immutable, so HSCAN returns every field. It may return one twice while the table
	// is being resized, which sets the same value again.
	for scan.Next(ctx) {
		name := scan.Val()
		if !scan.Next(ctx) {
			break
		}
		f, counts, err := parseField(name)
		if err != nil {
			return Sum{}, fmt.Errorf("read sum batch: %w", err)
		}
		if !counts && name != string(kindMinute) {
			continue // the indexes
		}
		value, err := strconv.ParseInt(scan.Val(), 10, 64)
		if err != nil {
			return Sum{}, fmt.Errorf("read sum batch: field %q: %w", name, err)
		}
		if !counts {
			minute = value
			continue
		}
		sum.set(f, value)
	}
	if err := scan.Err(); err != nil {
		return Sum{}, fmt.Errorf("read sum batch: %w", err)
	}
	if minute != 0 {
		sum.Minutes = make(map[MinuteKey]meter.Amounts, len(sum.Days))
		for day, n := range sum.Days {
			key := MinuteKey{day.Tenant, day.Feature, minute}
			// If the zone changed within the minute, the minute has two days.
			sum.Minutes[key] = sum.Minutes[key].Add(n)
		}
	}
	return sum, nil
}

// set stores the amount of a field. It skips totals, because they are sums of the other fields.
func (s Sum) set(f field, value int64) {
	switch k := kinds[f.kind]; k.scope {
	case ofDay:
		key := DayKey{f.tenant, meter.Day(f.at), f.feature}
		n := s.Days[key]
		n[k.amount] = value
		s.Days[key] = n
	case ofMinute:
		key := MinuteKey{f.tenant, f.feature, f.at}
		n := s.Minutes[key]
		n[k.amount] = value
		s.Minutes[key] = n
	}
}
