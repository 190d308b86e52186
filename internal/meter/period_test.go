package meter

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPeriodAt(t *testing.T) {
	for _, c := range []struct {
		name       string
		zone       string
		billingDay int
		at         string // an instant
		from, to   string // local dates
		start, end string // instants
	}{
		{"the first of the month", "UTC", 1, "2026-08-01T00:00:00Z",
			"2026-08-01", "2026-09-01", "2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z"},
		{"the last nanosecond", "UTC", 1, "2026-07-31T23:59:59.999999999Z",
			"2026-07-01", "2026-08-01", "2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z"},
		{"before the billing day", "UTC", 15, "2026-08-14T12:00:00Z",
			"2026-07-15", "2026-08-15", "2026-07-15T00:00:00Z", "2026-08-15T00:00:00Z"},
		{"the year ends", "UTC", 20, "2026-12-31T23:00:00Z",
			"2026-12-20", "2027-01-20", "2026-12-20T00:00:00Z", "2027-01-20T00:00:00Z"},
		{"the year has begun", "UTC", 20, "2027-01-01T01:00:00Z",
			"2026-12-20", "2027-01-20", "2026-12-20T00:00:00Z", "2027-01-20T00:00:00Z"},

		{"31 in January", "UTC", 31, "2026-02-27T00:00:00Z",
			"2026-01-31", "2026-02-28", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"},
		{"31 clamps to 28 February and goes back to 31 March", "UTC", 31, "2026-02-28T00:00:00Z",
			"2026-02-28", "2026-03-31", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"},
		{"31 clamps to 29 February in a leap year", "UTC", 31, "2028-02-29T00:00:00Z",
			"2028-02-29", "2028-03-31", "2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"},
		{"28 February is the day before in a leap year", "UTC", 31, "2028-02-28T23:59:59Z",
			"2028-01-31", "2028-02-29", "2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"31 clamps to 30 April", "UTC", 31, "2026-05-01T00:00:00Z",
			"2026-04-30", "2026-05-31", "2026-04-30T00:00:00Z", "2026-05-31T00:00:00Z"},
		{"30 clamps in February only", "UTC", 30, "2026-03-29T00:00:00Z",
			"2026-02-28", "2026-03-30", "2026-02-28T00:00:00Z", "2026-03-30T00:00:00Z"},
		{"29 exists in a leap year", "UTC", 29, "2028-03-01T00:00:00Z",
			"2028-02-29", "2028-03-29", "2028-02-29T00:00:00Z", "2028-03-29T00:00:00Z"},
		{"2000 was a leap year", "UTC", 31, "2000-03-01T00:00:00Z",
			"2000-02-29", "2000-03-31", "2000-02-29T00:00:00Z", "2000-03-31T00:00:00Z"},
		{"2100 is none", "UTC", 31, "2100-03-01T00:00:00Z",
			"2100-02-28", "2100-03-31", "2100-02-28T00:00:00Z", "2100-03-31T00:00:00Z"},

		{"the local date decides, ahead of UTC", "Pacific/Kiritimati", 1, "2026-07-31T10:00:00Z",
			"2026-08-01", "2026-09-01", "2026-07-31T10:00:00Z", "2026-08-31T10:00:00Z"},
		{"the local date decides, behind UTC", "Etc/GMT+12", 1, "2026-08-01T11:59:59Z",
			"2026-07-01", "2026-08-01", "2026-07-01T12:00:00Z", "2026-08-01T12:00:00Z"},
		{"a period with a change of clocks in it", "Europe/Berlin", 1, "2026-03-29T01:30:00Z",
			"2026-03-01", "2026-04-01", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"},
		{"billed on the day of 25 hours", "Europe/Berlin", 25, "2026-10-25T22:59:59Z",
			"2026-10-25", "2026-11-25", "2026-10-24T22:00:00Z", "2026-11-24T23:00:00Z"},
		{"billed on a day without midnight", "America/Santiago", 6, "2026-09-06T04:00:00Z",
			"2026-09-06", "2026-10-06", "2026-09-06T04:00:00Z", "2026-10-06T03:00:00Z"},
		{"the second before it", "America/Santiago", 6, "2026-09-06T03:59:59Z",
			"2026-08-06", "2026-09-06", "2026-08-06T04:00:00Z", "2026-09-06T04:00:00Z"},
		{"the hour before 24:00 comes twice", "Africa/Cairo", 30, "2026-10-29T21:30:00Z",
			"2026-09-30", "2026-10-30", "2026-09-29T21:00:00Z", "2026-10-29T22:00:00Z"},
		{"the hour after midnight comes twice", "America/Havana", 1, "2026-11-01T04:30:00Z",
			"2026-11-01", "2026-12-01", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"},
		{"billed on a date that never was", "Pacific/Apia", 30, "2011-12-30T10:00:00Z",
			"2011-12-30", "2012-01-30", "2011-12-30T10:00:00Z", "2012-01-29T10:00:00Z"},
		{"the second before the skipped date", "Pacific/Apia", 30, "2011-12-30T09:59:59Z",
			"2011-11-30", "2011-12-30", "2011-11-30T10:00:00Z", "2011-12-30T10:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			got := PeriodAt(at, c.billingDay, loadZone(t, c.zone))
			if got.From.String() != c.from || got.To.String() != c.to {
				t.Errorf("dates %s to %s, want %s to %s", got.From, got.To, c.from, c.to)
			}
			if start, end := got.Start.Format(time.RFC3339), got.End.Format(time.RFC3339); start != c.start || end != c.end {
				t.Errorf("instants %s to %s, want %s to %s", start, end, c.start, c.end)
			}
		})
	}
}

// TestDatesDecideWhereADateComesTwice: St. John's turned 00:01 back to 23:01. What
// happened in that second visit is of the old date, and of its period.
func TestDatesDecideWhereADateComesTwice(t *testing.T) {
	zone := loadZone(t, "America/St_Johns")
	at := time.Date(2010, 11, 7, 2, 31, 0, 0, time.UTC) // 23:01 on the 6th, again
	period := PeriodAt(at, 7, zone)
	if period.To != DayOf(2010, 11, 7) || !period.Contains(DayAt(at, zone)) {
		t.Errorf("period %s to %s, want one that ends at 2010-11-07", period.From, period.To)
	}
	if !period.End.Before(at) {
		t.Errorf("the period ends at %v, want an end before %v", period.End, at)
	}
}

func TestTenantUsesItsOwnCalendar(t *testing.T) {
	tenant := Tenant{BillingDay: 31, Zone: loadZone(t, "Asia/Tokyo")}
	at := time.Date(2026, 4, 29, 15, 0, 0, 0, time.UTC) // midnight of the 30th in Tokyo
	if got := tenant.Day(at); got != DayOf(2026, 4, 30) {
		t.Errorf("day %s, want 2026-04-30", got)
	}
	if got := tenant.Period(at).From; got != DayOf(2026, 4, 30) {
		t.Errorf("period from %s, want 2026-04-30", got)
	}
}

func TestPeriodContainsIsHalfOpen(t *testing.T) {
	p := Period{From: 10, To: 40}
	for day, want := range map[Day]bool{9: false, 10: true, 39: true, 40: false} {
		if got := p.Contains(day); got != want {
			t.Errorf("Contains(%d) = %t, want %t", day, got, want)
		}
	}
}

// TestPeriodMatchesWalk compares with a walk over the calendar, day by day, and
// checks that the neighbours leave neither a gap nor an overlap.
func TestPeriodMatchesWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, at := drawZone(t), drawInstant(t, 1971)
		checkPeriod(t, at, rapid.IntRange(1, 31).Draw(t, "billing day"), zone)
	})
}

// TestPeriodHoldsItsInstants is about instants, not dates. It looks at periods that
// lie in 2012 or later: before that some zones visited a date twice, and Samoa
// skipped one.
func TestPeriodHoldsItsInstants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, at := drawZone(t), drawInstant(t, 2013)
		billingDay := rapid.IntRange(1, 31).Draw(t, "billing day")
		p := PeriodAt(at, billingDay, zone)
		if at.Before(p.Start) || !at.Before(p.End) {
			t.Fatalf("%v is not in %v to %v", at, p.Start, p.End)
		}
		if got := DayAt(p.Start, zone); got != p.From {
			t.Fatalf("%v is %s in %v, want %s", p.Start, got, zone, p.From)
		}
		for _, c := range []struct {
			at   time.Time
			want Day
		}{{p.Start, p.From}, {p.End.Add(-1), p.From}, {p.End, p.To}} {
			if got := PeriodAt(c.at, billingDay, zone).From; got != c.want {
				t.Fatalf("the period at %v begins on %s, want %s", c.at, got, c.want)
			}
		}
		// No zone has moved by more than three hours since 2012.
		days := time.Duration(p.To-p.From) * 24 * time.Hour
		if off := p.End.Sub(p.Start) - days; off.Abs() > 3*time.Hour {
			t.Fatalf("%v to %v is %v more than %d days", p.Start, p.End, off, p.To-p.From)
		}
	})
}

func FuzzPeriod(f *testing.F) {
	f.Add(int64(1_785_542_400), uint8(1), uint8(0))
	f.Fuzz(func(t *testing.T, second int64, billingDay, zone uint8) {
		const century = 100 * 365 * secondsPerDay
		at := time.Unix(second%(2*century), 0).UTC() // 1770 to 2169
		checkPeriod(t, at, 1+int(billingDay)%31, loadZone(t, zoneNames[int(zone)%len(zoneNames)]))
	})
}

// checkPeriod checks everything that holds of dates in any year.
func checkPeriod(t rapid.TB, at time.Time, billingDay int, zone *time.Location) {
	t.Helper()
	p := PeriodAt(at, billingDay, zone)
	if from, to := walkPeriod(at.In(zone), billingDay); p.From.String() != from || p.To.String() != to {
		t.Fatalf("PeriodAt(%v, %d, %v) is %s to %s, want %s to %s", at, billingDay, zone, p.From, p.To, from, to)
	}
	if !p.Contains(DayAt(at, zone)) {
		t.Fatalf("%s to %s does not contain %s", p.From, p.To, DayAt(at, zone))
	}
	if length := p.To - p.From; length < 28 || length > 31 {
		t.Fatalf("%s to %s are %d days", p.From, p.To, length)
	}
	// The last date before and the first date after lie in the neighbours.
	if before := periodOf(p.From-1, billingDay); before.To != p.From {
		t.Fatalf("the period before %s ends at %s", p.From, before.To)
	}
	if after := periodOf(p.To, billingDay); after.From != p.To {
		t.Fatalf("the period after %s begins at %s", p.To, after.From)
	}
	// A boundary is the first instant that shows its date or a later one.
	for _, boundary := range []struct {
		day Day
		at  time.Time
	}{{p.From, p.Start}, {p.To, p.End}} {
		if boundary.at.Location() != time.UTC {
			t.Fatalf("%v is not in UTC", boundary.at)
		}
		if got := DayAt(boundary.at, zone); got < boundary.day {
			t.Fatalf("%v is still %s in %v, want %s", boundary.at, got, zone, boundary.day)
		}
		if got := DayAt(boundary.at.Add(-1), zone); got >= boundary.day {
			t.Fatalf("a nanosecond before %v it is already %s in %v", boundary.at, got, zone)
		}
	}
}

// periodOf is the period of a date in UTC. Its dates are those of every zone.
func periodOf(d Day, billingDay int) Period {
	return PeriodAt(d.midnight(), billingDay, time.UTC)
}

// walkPeriod finds the period of a local time as one would on a wall calendar:
// back to the last date on which a period starts, and on to the next.
func walkPeriod(local time.Time, billingDay int) (from, to string) {
	starts := func(date time.Time) bool {
		lastOfMonth := date.AddDate(0, 0, 1).Day() == 1
		return date.Day() == billingDay || date.Day() < billingDay && lastOfMonth
	}
	year, month, day := local.Date()
	date := time.Date(year, month, day, 12, 0, 0, 0, time.UTC)
	for !starts(date) {
		date = date.AddDate(0, 0, -1)
	}
	from = date.Format(time.DateOnly)
	for date = date.AddDate(0, 0, 1); !starts(date); {
		date = date.AddDate(0, 0, 1)
	}
	return from, date.Format(time.DateOnly)
}

func BenchmarkPeriodAt(b *testing.B) {
	now := time.Now()
	far := time.Date(2060, 9, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, zone string
		billingDay int
		at         time.Time
	}{
		{"UTC", "UTC", 15, now},
		{"now", "Europe/Berlin", 15, now},
		{"far", "Europe/Berlin", 15, far},
		{"far, next to a change of clocks", "America/Santiago", 5, far},
	} {
		zone := loadZone(b, c.zone)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				PeriodAt(c.at, c.billingDay, zone)
			}
		})
	}
}
