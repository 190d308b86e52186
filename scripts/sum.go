package scripts

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Sum is the content of a sum batch.
type Sum struct {
	// Minutes are what the batch adds to rollups, Days what it adds to usage_daily.
	Minutes map[MinuteKey]Count
	Days    map[DayKey]Count
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

// Count is an amount to add.
type Count struct{ Tokens, Events int64 }

// ReadSum returns the content of a sum batch; empty if it has been dropped
// meanwhile. It reads in steps of 2,000 fields, so that a minute of 100,000 counters
// does not hold up Valkey.
func (v *Valkey) ReadSum(ctx context.Context, shard int, id string) (Sum, error) {
	sum := Sum{Minutes: map[MinuteKey]Count{}, Days: map[DayKey]Count{}}
	var minute int64
	scan := v.rdb.HScan(ctx, sumPrefix(shard)+id, 0, "", 2000).Iterator()
	// The hash is immutable, so HSCAN returns every field; it may return one twice
	// while the table is being resized, which sets the same value again.
	for scan.Next(ctx) {
		field := scan.Val()
		if !scan.Next(ctx) {
			break
		}
		if strings.HasPrefix(field, "d\t") || strings.HasPrefix(field, "f\t") {
			continue // the indexes
		}
		value, err := strconv.ParseInt(scan.Val(), 10, 64)
		if err != nil {
			return Sum{}, fmt.Errorf("read sum batch: field %q: %w", field, err)
		}
		if field == "m" {
			minute = value
			continue
		}
		if err := sum.set(field, value); err != nil {
			return Sum{}, fmt.Errorf("read sum batch: %w", err)
		}
	}
	if err := scan.Err(); err != nil {
		return Sum{}, fmt.Errorf("read sum batch: %w", err)
	}
	if minute != 0 {
		sum.Minutes = make(map[MinuteKey]Count, len(sum.Days))
		for day, n := range sum.Days {
			key := MinuteKey{day.Tenant, day.Feature, minute}
			at := sum.Minutes[key] // a zone changed within the minute makes two days of it
			sum.Minutes[key] = Count{at.Tokens + n.Tokens, at.Events + n.Events}
		}
	}
	return sum, nil
}

func (s Sum) set(field string, value int64) error {
	kind, rest, _ := strings.Cut(field, "\t")
	if kind == "s" { // the rows below add up to it
		return nil
	}
	parts := strings.Split(rest, "\t")
	if len(parts) != 3 {
		return fmt.Errorf("unexpected field %q", field)
	}
	number, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return fmt.Errorf("unexpected field %q: %w", field, err)
	}
	day := DayKey{parts[1], meter.Day(number), parts[2]}
	at := MinuteKey{parts[1], parts[2], number}
	switch kind {
	case "t":
		s.Days[day] = Count{value, s.Days[day].Events}
	case "e":
		s.Days[day] = Count{s.Days[day].Tokens, value}
	case "T":
		s.Minutes[at] = Count{value, s.Minutes[at].Events}
	case "E":
		s.Minutes[at] = Count{s.Minutes[at].Tokens, value}
	default:
		return fmt.Errorf("unexpected field %q", field)
	}
	return nil
}
