package importer

import (
	"strings"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	for _, tt := range []struct{ text, zone, want string }{
		{"2026-11-30T10:00:00Z", "Europe/Berlin", "2026-11-30T10:00:00Z"},
		{"2026-11-30t10:00:00z", "UTC", "2026-11-30T10:00:00Z"},
		{" 2026-11-30T10:00:00.1234567+01:00 ", "UTC", "2026-11-30T09:00:00.123456Z"},
		{"2026-12-31T23:59:60Z", "UTC", "2026-12-31T23:59:59.999999Z"},
		{"2026-11-30T10:00:00", "UTC", "2026-11-30T10:00:00Z"},
		{"2026-11-30T10:00:00", "Europe/Berlin", "2026-11-30T09:00:00Z"},
		{"2026-11-30T10:00:00.5", "Europe/Berlin", "2026-11-30T09:00:00.5Z"},
		{"2026-11-30 10:00:00", "America/New_York", "2026-11-30T15:00:00Z"},
		{"2026-11-30 10:00:00.979960", "UTC", "2026-11-30T10:00:00.97996Z"},
		{"2026-11-30 10:00", "Asia/Kathmandu", "2026-11-30T04:15:00Z"},
		{"2026-11-30 10:00:00+00", "Europe/Berlin", "2026-11-30T10:00:00Z"},
		{"2026-11-30 10:00:00.25+00", "Europe/Berlin", "2026-11-30T10:00:00.25Z"},
		{"2026-11-30T10:00:00+0130", "UTC", "2026-11-30T08:30:00Z"},
		{"2026-11-30 10:00:00-05", "UTC", "2026-11-30T15:00:00Z"},
		{"2026-11-30 10:00:00 +0100", "UTC", "2026-11-30T09:00:00Z"},
		{"2026-11-30 10:00:00 -0100", "UTC", "2026-11-30T11:00:00Z"},
		{"2026-11-30 10:00:00 UTC", "Europe/Berlin", "2026-11-30T10:00:00Z"},
		{"2026-11-30T10:00:00utc", "Europe/Berlin", "2026-11-30T10:00:00Z"},
		{"2026-11-30 10:00:00 GMT", "Europe/Berlin", "2026-11-30T10:00:00Z"},
		{"2026-11-30 10:00:00Z", "Europe/Berlin", "2026-11-30T10:00:00Z"},
		{"2026-11-30", "UTC", "2026-11-30T00:00:00Z"},
		{"2026-11-30", "Europe/Berlin", "2026-11-29T23:00:00Z"},
		{"2026-11-30 UTC", "Europe/Berlin", "2026-11-30T00:00:00Z"},
		{"1796032800", "Europe/Berlin", "2026-11-30T10:00:00Z"},
		{"1796032800.5", "UTC", "2026-11-30T10:00:00.5Z"},
		{"1796032800123", "UTC", "2026-11-30T10:00:00.123Z"},
		{"1796032800123456", "UTC", "2026-11-30T10:00:00.123456Z"},
		// Clocks are put back: the first of two. They are put forward: there is none.
		{"2026-10-25 02:30:00", "Europe/Berlin", "2026-10-25T00:30:00Z"},
		{"2026-10-25 03:30:00", "Europe/Berlin", "2026-10-25T02:30:00Z"},
		{"2026-03-29 02:30:00", "Europe/Berlin", `"2026-03-29 02:30:00" does not exist in Europe/Berlin`},
		{"2026-11-01 01:30:00", "America/New_York", "2026-11-01T05:30:00Z"},
		{"20261130", "UTC", "must be a time like"},
		{"30.11.2026", "UTC", "must be a time like"},
		{"11/30/2026", "UTC", "must be a time like"},
		{"2026-11-30 10:00:00 CET", "UTC", "must be a time like"},
		{"2026-02-30", "UTC", "must be a time like"},
		{"", "UTC", "must be a time like"},
		{"12345", "UTC", "must be a time like"},
		{"0001-01-01 00:00:00", "UTC", "must be in 1970 to 9999"},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, _, err := parseTime(tt.text, zone)
		if err != nil && !strings.Contains(err.Error(), tt.want) ||
			err == nil && at.Format(time.RFC3339Nano) != tt.want {
			t.Errorf("%q in %s: got %s, %v, want %s",
				tt.text, tt.zone, at.Format(time.RFC3339Nano), err, tt.want)
		}
	}
}

func TestTimesWithoutAZoneAreNoted(t *testing.T) {
	s := newServer(t)
	const note = "times and dates that name no zone were read as UTC"
	for _, tt := range []struct {
		at, zone string
		noted    bool
	}{
		{"2026-03-20 10:00:00", "", true}, {"2026-03-20", "", true},
		{"2026-03-20 10:00:00", "UTC", false}, {"2026-03-20T10:00:00Z", "", false},
	} {
		o := write(t, s, "at,in,out\n"+tt.at+",1,1\n")
		o.Timestamp, o.Zone, o.Source = "at", tt.zone, tt.zone+"x"
		if _, report := run(t, o); strings.Contains(report, note) != tt.noted {
			t.Errorf("%+v: report\n%s", tt, report)
		}
	}
}
