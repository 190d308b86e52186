package meter

import (
	"testing"
	"time"
	_ "time/tzdata" // the tests must not depend on the machine's zones

	"pgregory.net/rapid"
)

// zoneNames are the zones that the tests draw from: the extremes, odd offsets,
// clocks that change at midnight, and the histories that break naive date code.
var zoneNames = []string{
	"UTC", "Etc/GMT+12", "Etc/GMT-14",
	// Ahead by 14 hours, and dates that never were.
	"Pacific/Apia", "Pacific/Fakaofo", "Pacific/Kiritimati", "Pacific/Enderbury", "Pacific/Kwajalein",
	// Half hours, quarter hours, and a DST of half an hour.
	"Asia/Kolkata", "Asia/Kathmandu", "Asia/Yangon", "Asia/Kabul", "Asia/Tehran", "Asia/Colombo",
	"Asia/Pyongyang", "Australia/Adelaide", "Australia/Darwin", "Australia/Eucla", "Australia/Lord_Howe",
	"Pacific/Chatham", "Pacific/Marquesas", "Pacific/Norfolk", "America/St_Johns", "America/Caracas",
	"Africa/Monrovia",
	// Clocks that change at or around midnight, now or once.
	"America/Santiago", "America/Asuncion", "America/Sao_Paulo", "America/Havana", "America/Goose_Bay",
	"Asia/Beirut", "Asia/Damascus", "Asia/Amman", "Asia/Gaza", "Asia/Hebron", "Africa/Cairo",
	"Atlantic/Azores", "America/Scoresbysund", "America/Nuuk",
	// DST that ends and starts with Ramadan, DST backwards, DST of two hours.
	"Africa/Casablanca", "Africa/El_Aaiun", "Europe/Dublin", "Antarctica/Troll",
	// Zones that moved far.
	"Antarctica/Casey", "Antarctica/Davis", "Antarctica/Vostok", "Asia/Manila", "America/Metlakatla",
	"America/Juneau", "Europe/Volgograd", "Asia/Sakhalin", "Africa/Juba", "Africa/Windhoek",
	// The everyday, north and south.
	"Europe/Berlin", "Europe/London", "Europe/Lisbon", "Europe/Moscow", "Europe/Istanbul",
	"America/New_York", "America/Los_Angeles", "America/Mexico_City", "America/Phoenix", "America/Anchorage",
	"Asia/Tokyo", "Asia/Shanghai", "Asia/Jerusalem", "Australia/Sydney", "Pacific/Auckland",
	"Pacific/Easter", "Pacific/Fiji", "Pacific/Honolulu", "Pacific/Pago_Pago",
	"Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi",
}

func loadZone(tb rapid.TB, name string) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatalf("load zone: %v", err)
	}
	return zone
}

// drawZone draws a zone of zoneNames.
func drawZone(t *rapid.T) *time.Location {
	return loadZone(t, rapid.SampledFrom(zoneNames).Draw(t, "zone"))
}

// drawInstant draws an instant from firstYear to 2100, to the nanosecond.
func drawInstant(t *rapid.T, firstYear int) time.Time {
	first := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	last := time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC).Unix() - 1
	return time.Unix(
		rapid.Int64Range(first, last).Draw(t, "second"),
		rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond"),
	).UTC()
}

func TestZoneNamesAreEnough(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range zoneNames {
		loadZone(t, name)
		seen[name] = true
	}
	if len(seen) < 60 || len(seen) != len(zoneNames) {
		t.Errorf("%d different zones of %d, want at least 60 and none twice", len(seen), len(zoneNames))
	}
}
