package importer

import (
	"fmt"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// zonedLayouts are times with an offset from UTC in other forms than RFC 3339's. Each may have
// a fraction behind its seconds.
var zonedLayouts = []string{
	"2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z0700",
	"2006-01-02T15:04:05Z07", "2006-01-02 15:04:05Z07",
}

// localLayouts are times of the zone that the options name.
var localLayouts = []string{
	"2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04", "2006-01-02 15:04",
}

// parseTime reads a time in one of these forms:
//
//	2026-11-30T10:00:00Z       RFC 3339, also with a blank for T, or with +0100 and +01 as offset
//	2026-11-30 10:00:00 UTC    also GMT
//	2026-11-30T10:00:00        of zone, also without seconds
//	2026-11-30                 the day's midnight in zone
//	1764496800                 since 1970: in seconds, possibly with a fraction, or in whole milli-,
//	                           micro- or nanoseconds, which the number of digits tells
//
// local says that the zone was needed. Fractions of a second are cut to the microsecond, which
// is what the server keeps.
func parseTime(s string, zone *time.Location) (at time.Time, local bool, err error) {
	s = strings.TrimSpace(s)
	at, local, err = readTime(s, zone)
	if err != nil {
		return at, local, err
	}
	// The wire has no other years, and the zero time would mean "now".
	if at = at.UTC().Truncate(time.Microsecond); at.Year() < 1970 || at.Year() > 9999 {
		return time.Time{}, local, fmt.Errorf("must be in 1970 to 9999, not %s", shown(s))
	}
	return at, local, nil
}

func readTime(s string, zone *time.Location) (at time.Time, local bool, err error) {
	if at, ok := meter.ParseInstant([]byte(s)); ok {
		return at, false, nil
	}
	if at, ok := meter.ParseUnix(s); ok {
		return at, false, nil
	}
	upper := strings.ToUpper(s)
	for _, utc := range []string{"UTC", "GMT"} {
		if bare, named := strings.CutSuffix(upper, utc); named {
			if at, known := localTime(strings.TrimSpace(bare), time.UTC); known {
				return at, false, nil
			}
		}
	}
	// Some write a blank before the offset. A date has no blank before its dashes.
	joined := strings.NewReplacer(" +", "+", " -", "-").Replace(upper)
	for _, layout := range zonedLayouts {
		if at, err := time.Parse(layout, joined); err == nil {
			return at, false, nil
		}
	}
	at, known := localTime(upper, zone)
	switch {
	case !known:
		return at, false, fmt.Errorf(`must be a time like "2006-01-02T15:04:05Z", "2006-01-02 15:04:05" `+
			`or "2006-01-02", or seconds since 1970, not %s`, shown(s))
	case at.IsZero() && s[:4] != "0001":
		return at, true, fmt.Errorf("%s does not exist in %s, where clocks were put forward",
			shown(s), zone)
	}
	return at, true, nil
}

// localTime reads a time without an offset, or a day as its beginning. Of a time that zone has
// twice it is the first; of one that zone skips it is the zero time.
func localTime(s string, zone *time.Location) (at time.Time, known bool) {
	if day, err := meter.ParseDay(s); err == nil {
		return day.Start(zone), true
	}
	for _, layout := range localLayouts {
		wall, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		hour, minute, second := wall.Clock()
		at := time.Date(wall.Year(), wall.Month(), wall.Day(), hour, minute, second,
			wall.Nanosecond(), zone)
		shows := func(t time.Time) bool { return t.Hour() == hour && t.Minute() == minute }
		switch before := at.Add(-time.Hour); {
		case !shows(at):
			return time.Time{}, true
		case shows(before):
			return before, true
		}
		return at, true
	}
	return time.Time{}, false
}
