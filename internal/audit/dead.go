package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// deadRows sums what Postgres has refused, by the target row. It only explains differences: an
// operator may have inserted a refused row by hand and left it in dead_events.
type deadRows struct {
	events, rollups map[scripts.MinuteKey]meter.Amounts
	days            map[scripts.DayKey]meter.Amounts
	// unreadable counts the refused rows whose content cannot be parsed.
	unreadable int
}

// readDead reads dead_events: a handful of rows, unless something is badly wrong.
func readDead(ctx context.Context, tx *sqlx.Tx) (deadRows, error) {
	d := deadRows{
		map[scripts.MinuteKey]meter.Amounts{}, map[scripts.MinuteKey]meter.Amounts{},
		map[scripts.DayKey]meter.Amounts{}, 0,
	}
	rows, err := tx.QueryContext(ctx, "SELECT kind, content FROM dead_events")
	if err != nil {
		return d, fmt.Errorf("read dead events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		var content []byte
		if err := rows.Scan(&kind, &content); err != nil {
			return d, fmt.Errorf("read dead events: %w", err)
		}
		if kind == "raw" {
			d.addLine(string(content))
		} else {
			d.addSum(content)
		}
	}
	if err := rows.Err(); err != nil {
		return d, fmt.Errorf("read dead events: %w", err)
	}
	return d, nil
}

func (d *deadRows) addLine(text string) {
	_, e, err := record.Parse(text)
	if err != nil {
		d.unreadable++
		return
	}
	row := rowOf(e)
	d.events[row] = d.events[row].Add(e.Amounts)
}

// addSum adds a row of rollups or usage_daily, in the form that the flusher writes.
func (d *deadRows) addSum(content []byte) {
	var sum struct {
		Table, Tenant, Feature, Day string
		Minute                      time.Time
	}
	var n meter.Amounts
	if errors.Join(json.Unmarshal(content, &sum), json.Unmarshal(content, &n)) != nil {
		d.unreadable++
		return
	}
	switch sum.Table {
	case "rollups":
		minute := sum.Minute.Unix() / 60
		row := scripts.MinuteKey{Tenant: sum.Tenant, Feature: sum.Feature, Minute: minute}
		d.rollups[row] = d.rollups[row].Add(n)
	case "usage_daily":
		day, err := meter.ParseDay(sum.Day)
		if err != nil {
			d.unreadable++
			return
		}
		row := scripts.DayKey{Tenant: sum.Tenant, Day: day, Feature: sum.Feature}
		d.days[row] = d.days[row].Add(n)
	default:
		d.unreadable++
	}
}

// rollupsByDay returns the refused rows of rollups by the day on which they count.
func (d *deadRows) rollupsByDay(zones tenantZones) map[scripts.DayKey]meter.Amounts {
	days := map[scripts.DayKey]meter.Amounts{}
	for row, n := range d.rollups {
		day := zones.day(row.Tenant, time.Unix(row.Minute*60, 0))
		key := scripts.DayKey{Tenant: row.Tenant, Day: day, Feature: row.Feature}
		days[key] = days[key].Add(n)
	}
	return days
}

// total returns the refused amounts of all days and of all minutes of a feature.
func (d *deadRows) total(s Series) (days, minutes meter.Amounts) {
	for row, n := range d.days {
		if row.Tenant == s.Tenant && row.Feature == s.Feature {
			days = days.Add(n)
		}
	}
	for row, n := range d.rollups {
		if row.Tenant == s.Tenant && row.Feature == s.Feature {
			minutes = minutes.Add(n)
		}
	}
	return days, minutes
}
