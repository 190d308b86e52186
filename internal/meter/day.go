package meter

import (
	"fmt"
	"sort"
	"time"
)

const secondsPerDay = 24 * 60 * 60

// Day is a calendar date, counted in days since 1970-01-01 in the proleptic
// Gregorian calendar. It says nothing about a zone: whose date it is, the context
// knows. Days compare and subtract as integers.
type Day int32

// DayAt is the date that a calendar in zone shows at t. zone must not be nil.
func DayAt(t time.Time, zone *time.Location) Day {
	return Day(floorDiv(t.Unix()+offsetAt(t, zone), secondsPerDay))
}

// DayOf is the day of a date. Values outside their ranges carry over as in
// time.Date: month 13 is January of the next year.
func DayOf(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

// ParseDay reads a date of the form 2006-01-02.
func ParseDay(s string) (Day, error) {
	// The length is checked first because the errors of time.Parse quote the input.
	if len(s) != len(time.DateOnly) {
		return 0, fmt.Errorf("parse day: want the form 2006-01-02, got %d bytes", len(s))
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("parse day: %w", err)
	}
	return Day(t.Unix() / secondsPerDay), nil
}

// Date is the year, month and day of the month of d.
func (d Day) Date() (year int, month time.Month, day int) { return d.midnight().Date() }

// String is d in the form 2006-01-02.
func (d Day) String() string { return d.midnight().Format(time.DateOnly) }

// midnight is the start of d where local time is UTC.
func (d Day) midnight() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

// maxOffset is more than any zone was ever ahead of UTC: 15:13:42, Metlakatla
// until 1867.
const maxOffset = 16 * 60 * 60

// Start is the first instant, in UTC, at which the local date in zone is d or
// later. That is local midnight, except where a zone skips it:
//
//   - Clocks that jump from 24:00 to 01:00 (Santiago, Beirut) start d at 01:00.
//   - Clocks that fall back at 24:00 (Cairo) start d an hour later, when they
//     reach 24:00 again; clocks that fall back from 01:00 to 00:00 (Havana)
//     start it at the first of the two midnights.
//   - A date that never was (Samoa, 2011-12-30) starts where the next one does.
//
// time.Date gives no such guarantee: of two midnights it returns either, and for
// a skipped one it may return an instant of the day before.
func (d Day) Start(zone *time.Location) time.Time {
	midnight := int64(d) * secondsPerDay // as UTC would have it
	before := midnight - maxOffset       // d has started nowhere yet
	offset := offsetAt(time.Unix(before, 0), zone)
	start := midnight - offset
	if after := offsetAt(time.Unix(start, 0), zone); after != offset {
		// The zone changed its offset in between, once: no zone ever changed it
		// twice within two days. Either d starts before that under the old offset,
		// which start, at or after the change, shows it does not; or under the new.
		change := before + int64(sort.Search(int(start-before), func(i int) bool {
			return offsetAt(time.Unix(before+int64(i), 0), zone) == after
		}))
		start = max(change, midnight-after)
	}
	return time.Unix(start, 0).UTC()
}

// offsetAt is the seconds that zone is ahead of UTC at t.
func offsetAt(t time.Time, zone *time.Location) int64 {
	_, offset := t.In(zone).Zone()
	return int64(offset)
}

// floorDiv is a/b rounded down, where Go's division rounds toward zero. b > 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
