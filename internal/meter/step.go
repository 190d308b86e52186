package meter

import "time"

// Step is the length of the intervals of a series.
type Step string

// The steps. Minutes are minutes of UTC, which every zone of today shares; hours are counted
// from the start of the tenant's local day, so that the hours of a day add up to it; days are
// the tenant's local days. A day is 22 to 26 hours; where clocks change by a part of an hour,
// its last hour is a short one.
const (
	ByMinute Step = "minute"
	ByHour   Step = "hour"
	ByDay    Step = "day"
)

// Intervals are consecutive half-open intervals of time.
type Intervals struct {
	// Starts are the starts in UTC; the last one is the end of the last interval.
	Starts []time.Time
	// Days are the local days that Starts begin; nil unless the step is ByDay.
	Days []Day
}

// Len is the number of intervals.
func (i Intervals) Len() int { return len(i.Starts) - 1 }

// Cut divides the time from from to to into steps of a calendar in zone: from is moved back
// to the start of its step, to on to the end of its. to must be after from. It reports false
// if there would be more than most intervals.
func Cut(from, to time.Time, step Step, zone *time.Location, most int) (Intervals, bool) {
	switch step {
	case ByDay:
		first, last := DayAt(from, zone), DayAt(to.Add(-1), zone)
		if int64(last)-int64(first) >= int64(most) {
			return Intervals{}, false
		}
		var cut Intervals
		for d := first; d <= last+1; d++ {
			cut.Starts, cut.Days = append(cut.Starts, d.Start(zone)), append(cut.Days, d)
		}
		return cut, true
	case ByHour:
		return cutHours(from, to, zone, most)
	default:
		from, to = from.Truncate(time.Minute), to.Add(time.Minute-1).Truncate(time.Minute)
		n := int64(to.Sub(from) / time.Minute)
		if n > int64(most) {
			return Intervals{}, false
		}
		starts := make([]time.Time, n+1)
		for i := range starts {
			starts[i] = from.Add(time.Duration(i) * time.Minute).UTC()
		}
		return Intervals{Starts: starts}, true
	}
}

// cutHours is Cut by hour.
func cutHours(from, to time.Time, zone *time.Location, most int) (Intervals, bool) {
	if to.Sub(from)/time.Hour > time.Duration(most) {
		return Intervals{}, false
	}
	var starts []time.Time
	for d := DayAt(from, zone); ; d++ {
		next := (d + 1).Start(zone)
		for hour := d.Start(zone); hour.Before(next); hour = hour.Add(time.Hour) {
			end := hour.Add(time.Hour)
			if end.After(next) {
				end = next
			}
			if !end.After(from) {
				continue
			}
			if starts = append(starts, hour); len(starts) > most {
				return Intervals{}, false
			}
			if !end.Before(to) {
				return Intervals{Starts: append(starts, end)}, true
			}
		}
	}
}
