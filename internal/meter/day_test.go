package meter

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDayCountsFromTheEpoch(t *testing.T) {
	for _, c := range []struct {
		text string
		want Day
	}{
		{"1970-01-01", 0},
		{"1969-12-31", -1},
		{"1970-12-31", 364},
		{"1972-02-29", 789},
		{"1900-03-01", -25508}, // 1900 had no 29 February
		{"2000-02-29", 11016},
		{"2026-08-01", 20666},
		{"0001-01-01", -719162},
		{"9999-12-31", 2932896},
	} {
		got, err := ParseDay(c.text)
		if err != nil || got != c.want {
			t.Errorf("ParseDay(%s) = %d, %v; want %d", c.text, got, err, c.want)
		}
		if got := c.want.String(); got != c.text {
			t.Errorf("Day(%d).String() = %s, want %s", c.want, got, c.text)
		}
		if got := DayOf(c.want.Date()); got != c.want {
			t.Errorf("DayOf(Day(%d).Date()) = %d", c.want, got)
		}
	}
}

func TestDayOfCarriesOver(t *testing.T) {
	for _, c := range []struct {
		got  Day
		want string
	}{
		{DayOf(2026, 13, 1), "2027-01-01"},
		{DayOf(2026, 0, 31), "2025-12-31"},
		{DayOf(2026, 2, 29), "2026-03-01"},
	} {
		if c.got.String() != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestParseDayRefuses(t *testing.T) {
	for _, text := range []string{"", "2026-1-1", "2026-02-30", "2026-13-01", "01-01-2026", "2026-01-01T00:00:00Z", "2026/01/01"} {
		if d, err := ParseDay(text); err == nil {
			t.Errorf("ParseDay(%q) = %s, want an error", text, d)
		}
	}
}

func TestDayAtIsTheLocalDate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := drawZone(t)
		at := time.Unix(rapid.Int64Range(-9e9, 9e9).Draw(t, "second"), 999_999_999) // 1684 to 2255
		if got, want := DayAt(at, zone).String(), at.In(zone).Format(time.DateOnly); got != want {
			t.Fatalf("DayAt(%v, %v) = %s, want %s", at.UTC(), zone, got, want)
		}
	})
}

func TestDayStart(t *testing.T) {
	for _, c := range []struct{ zone, day, want, why string }{
		{"UTC", "2026-08-01", "2026-08-01T00:00:00Z", "plain"},
		{"Asia/Kathmandu", "2026-08-01", "2026-07-31T18:15:00Z", "+05:45"},
		{"Pacific/Kiritimati", "2026-08-01", "2026-07-31T10:00:00Z", "+14"},
		{"Etc/GMT+12", "2026-08-01", "2026-08-01T12:00:00Z", "-12"},
		{"Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", "spring: the day starts before the change"},
		{"Europe/Berlin", "2026-03-30", "2026-03-29T22:00:00Z", "spring: the day of 23 hours is over"},
		{"Europe/Berlin", "2026-10-26", "2026-10-25T23:00:00Z", "autumn: the day of 25 hours is over"},
		{"America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z", "24:00 becomes 01:00"},
		{"Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00Z", "24:00 becomes 01:00"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", "24:00 becomes 01:00"},
		{"Asia/Beirut", "2026-10-25", "2026-10-24T22:00:00Z", "24:00 becomes 23:00: the second 24:00 counts"},
		{"Africa/Cairo", "2026-10-30", "2026-10-29T22:00:00Z", "24:00 becomes 23:00"},
		{"America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", "01:00 becomes 00:00: the first midnight counts"},
		{"Atlantic/Azores", "2026-10-25", "2026-10-25T00:00:00Z", "01:00 becomes 00:00"},
		{"Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30:00Z", "half an hour of DST starts at 02:00"},
		{"Australia/Lord_Howe", "2026-10-05", "2026-10-04T13:00:00Z", "half an hour of DST"},
		{"America/St_Johns", "2010-11-07", "2010-11-07T02:30:00Z", "00:01 becomes 23:01: the first midnight counts"},
		{"Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", "the last day east of the date line"},
		{"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", "a date that never was starts with the next"},
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", "the first day west of it"},
		{"Africa/Monrovia", "1972-01-07", "1972-01-07T00:44:30Z", "an offset with seconds, and its end on that day"},
	} {
		day, err := ParseDay(c.day)
		if err != nil {
			t.Fatal(err)
		}
		if got := day.Start(loadZone(t, c.zone)).Format(time.RFC3339); got != c.want {
			t.Errorf("%s starts in %s at %s, want %s (%s)", c.day, c.zone, got, c.want, c.why)
		}
	}
}

// TestDayStartNextToEveryChangeOfClocks compares Start with an exact search, for the
// week around each change of offset from 1900 to 2040 in each zone.
func TestDayStartNextToEveryChangeOfClocks(t *testing.T) {
	for _, name := range zoneNames {
		zone := loadZone(t, name)
		spans := offsetSpans(zone, 1900, 2040)
		for _, span := range spans[1:] {
			changed := Day(floorDiv(span.start+span.offset, secondsPerDay))
			for day := changed - 3; day <= changed+3; day++ {
				if got, want := day.Start(zone).Unix(), firstInstant(spans, day); got != want {
					t.Errorf("%s starts in %s at %v, want %v", day, name, time.Unix(got, 0).UTC(), time.Unix(want, 0).UTC())
				}
			}
		}
	}
}

// TestDatesNeverComeBackSince2011 holds the reason why the properties of instants
// are stated from 2012 on: until then, some zones turned their clocks back over
// midnight and visited a date twice.
func TestDatesNeverComeBackSince2011(t *testing.T) {
	twice := 0
	for _, name := range zoneNames {
		spans := offsetSpans(loadZone(t, name), 1971, 2040)
		for i, span := range spans[1:] {
			before := floorDiv(span.start-1+spans[i].offset, secondsPerDay)
			after := floorDiv(span.start+span.offset, secondsPerDay)
			if before <= after {
				continue
			}
			twice++
			if at := time.Unix(span.start, 0).UTC(); at.Year() >= 2011 {
				t.Errorf("%s visits %s twice, at %v", name, Day(after), at)
			}
		}
	}
	if twice == 0 {
		t.Error("no date was ever visited twice: the search finds nothing")
	}
}

// offsetSpan is a stretch of time that begins at start, in Unix seconds, in which a
// zone has one offset from UTC, in seconds.
type offsetSpan struct{ start, offset int64 }

// offsetSpans finds the spans of a zone by trying every sixth hour.
func offsetSpans(zone *time.Location, firstYear, lastYear int) []offsetSpan {
	offset := func(second int64) int64 { return offsetAt(time.Unix(second, 0), zone) }
	second := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	end := time.Date(lastYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	spans := []offsetSpan{{second, offset(second)}}
	const step = 6 * 60 * 60
	for ; second < end; second += step {
		last, next := spans[len(spans)-1].offset, offset(second+step)
		if next == last {
			continue
		}
		old, changed := second, second+step
		for changed-old > 1 {
			if middle := (old + changed) / 2; offset(middle) == last {
				old = middle
			} else {
				changed = middle
			}
		}
		spans = append(spans, offsetSpan{changed, next})
	}
	return spans
}

// firstInstant is the first second of the first span that shows day or a later date.
func firstInstant(spans []offsetSpan, day Day) int64 {
	for i, span := range spans {
		first := max(span.start, int64(day)*secondsPerDay-span.offset)
		if i+1 == len(spans) || first < spans[i+1].start {
			return first
		}
	}
	panic("no spans")
}
