package meter

import (
	"testing"
	"time"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		zone, from, to string
		step           Step
		first, last    string // start of the first interval, end of the last
		n              int
	}{
		{"UTC", "2026-03-10T11:30:10Z", "2026-03-10T11:32:00Z", ByMinute, "2026-03-10T11:30:00Z", "2026-03-10T11:32:00Z", 2},
		{"UTC", "2026-03-10T11:30:10Z", "2026-03-10T11:32:00.001Z", ByMinute, "2026-03-10T11:30:00Z", "2026-03-10T11:33:00Z", 3},
		{"Asia/Kathmandu", "2026-03-10T18:14:59Z", "2026-03-10T18:15:01Z", ByHour, "2026-03-10T17:15:00Z", "2026-03-10T19:15:00Z", 2},
		{"Asia/Kathmandu", "2026-03-10T18:14:59Z", "2026-03-10T18:15:00Z", ByDay, "2026-03-09T18:15:00Z", "2026-03-10T18:15:00Z", 1},
		{"Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T21:00:00Z", ByDay, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 1},
		{"Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", ByHour, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23},
		{"Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", ByHour, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25},
		// The clock goes back by half an hour: the day's last hour is a short one.
		{"Australia/Lord_Howe", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z", ByHour, "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z", 25},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		parse := func(s string) time.Time {
			at, err := time.Parse(time.RFC3339, s)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		got, ok := Cut(parse(c.from), parse(c.to), c.step, zone, c.n)
		if !ok || got.Len() != c.n || !got.Starts[0].Equal(parse(c.first)) || !got.Starts[got.Len()].Equal(parse(c.last)) {
			t.Errorf("%+v: %v, %v", c, got.Starts, ok)
		}
		if _, ok := Cut(parse(c.from), parse(c.to), c.step, zone, c.n-1); ok {
			t.Errorf("%+v: more intervals than may be", c)
		}
	}
}
