package importer

import (
	"fmt"
	"strings"
	"time"
)

// parseTime reads RFC 3339, or a date and time without a zone as of zone. Fractions of a
// second are cut to the microsecond, which is what the server keeps.
func parseTime(s string, zone *time.Location) (time.Time, error) {
	s = strings.TrimSpace(s)
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		at, err = time.ParseInLocation(time.DateTime, s, zone)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf(`must be RFC 3339 or "2006-01-02 15:04:05", not %s`, shown(s))
	}
	// The wire has no other years, and the zero time would mean "now".
	if at = at.UTC().Truncate(time.Microsecond); at.Year() < 1970 || at.Year() > 9999 {
		return time.Time{}, fmt.Errorf("must be in 1970 to 9999, not %s", shown(s))
	}
	return at, nil
}
