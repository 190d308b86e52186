package audit

import (
	"context"
	"maps"
	"slices"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// days compares rollups with usage_daily. If a day differs, it also audits the day's minutes
// outside the range, because one of them may be wrong.
func (c *comparison) days(ctx context.Context) error {
	v, err := c.judge(ctx, c.report.Minutes)
	if err != nil {
		return err
	}
	if len(v.totals) > 0 {
		all := c.query.withDays()
		minutes := slices.Clone(c.report.Minutes)
		before := Query{all.From, c.query.From, all.Tenant}
		after := Query{c.query.To, all.To, all.Tenant}
		for _, outside := range []Query{before, after} {
			found, err := c.minutesOf(ctx, outside, &Report{})
			if err != nil {
				return err
			}
			for _, m := range found {
				if c.touches(m.Tenant, c.zones.day(m.Tenant, m.Minute)) {
					minutes = append(minutes, m)
				}
			}
		}
		if len(minutes) > len(c.report.Minutes) {
			if v, err = c.judge(ctx, minutes); err != nil {
				return err
			}
		}
	}
	c.report.Days, c.report.Totals = v.days, v.totals
	c.report.Recut, c.report.drift = v.recut, v.drift
	c.report.Explained += v.explained
	sortDays(&c.report)
	return nil
}

// touches reports whether a tenant's local day overlaps the range.
func (c *comparison) touches(tenant string, day meter.Day) bool {
	zone := c.zones.of(tenant)
	return day >= meter.DayAt(c.query.From, zone) && day.Start(zone).Before(c.query.To)
}

// verdict lists the errors of usage_daily.
type verdict struct {
	days      []DayDrift
	totals    []TotalDrift
	recut     []Series
	explained int
	// drift is the excess of rollups, by the day on which it counts.
	drift map[scripts.DayKey]meter.Amounts
}

// judge compares rollups, corrected by the drift of minutes, with usage_daily.
func (c *comparison) judge(ctx context.Context, minutes []MinuteDrift) (verdict, error) {
	drift := map[Series]meter.Amounts{}
	v := verdict{drift: map[scripts.DayKey]meter.Amounts{}}
	for _, m := range minutes {
		day := c.zones.day(m.Tenant, m.Minute)
		key := scripts.DayKey{Tenant: m.Tenant, Day: day, Feature: m.Feature}
		v.drift[key] = v.drift[key].Add(m.Difference())
		drift[m.Series] = drift[m.Series].Add(m.Difference())
	}
	days, err := c.readDays(ctx, slices.Collect(maps.Keys(drift)))
	if err != nil {
		return verdict{}, err
	}
	for key := range v.drift { // a day may have no row at all
		if _, ok := days[key]; !ok && c.whole(key.Tenant, key.Day) {
			days[key] = DayDrift{Series: Series{key.Tenant, key.Feature}, Day: key.Day}
		}
	}
	wrong := map[Series][]DayDrift{}
	refused := c.dead.rollupsByDay(c.zones)
	for key, d := range days {
		d.Minutes = d.Minutes.Sub(v.drift[key])
		if d.Daily == d.Minutes {
			continue
		}
		d.Daily, d.Minutes = d.Daily.Add(c.dead.days[key]), d.Minutes.Add(refused[key])
		if d.Daily == d.Minutes {
			v.explained++
			continue
		}
		wrong[d.Series] = append(wrong[d.Series], d)
	}
	totals, err := readTotals(ctx, c.tx, slices.Collect(maps.Keys(wrong)))
	if err != nil {
		return verdict{}, err
	}
	for series, days := range wrong {
		v.add(c.total(totals[series], drift[series], days), days)
	}
	return v, nil
}

// total compares all days of a series with all its minutes.
func (c *comparison) total(t TotalDrift, drift meter.Amounts, days []DayDrift) TotalDrift {
	t.Series = days[0].Series
	deadDays, deadMinutes := c.dead.total(t.Series)
	t.Days, t.Minutes = t.Days.Add(deadDays), t.Minutes.Add(deadMinutes)
	t.moves = t.Days == t.Minutes
	t.Minutes = t.Minutes.Sub(drift)
	var found meter.Amounts
	for _, d := range days {
		found = found.Add(d.Difference())
	}
	t.Unresolved = !t.moves && found != t.Difference()
	return t
}

func (v *verdict) add(t TotalDrift, days []DayDrift) {
	if t.Difference() == (meter.Amounts{}) {
		v.recut = append(v.recut, t.Series)
		return
	}
	v.totals = append(v.totals, t)
	v.days = append(v.days, days...)
}
