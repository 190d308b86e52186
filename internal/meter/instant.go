package meter

import (
	"strconv"
	"strings"
	"time"
)

// ParseInstant reads an RFC 3339 date-time and returns it in UTC. T and Z may be in lower
// case. The second 60 counts as the last microsecond before it, so that a leap second stays
// in its minute and day.
func ParseInstant(text []byte) (at time.Time, ok bool) {
	if at.UnmarshalText(text) == nil && isRFC3339(text) {
		return at.UTC(), true
	}
	const (
		t        = len("2006-01-02")
		second   = len("2006-01-02T15:04:")
		shortest = len("2006-01-02T15:04:05Z")
	)
	if len(text) < shortest || len(text) > 2*shortest {
		return time.Time{}, false
	}
	plain := append([]byte{}, text...)
	if plain[t] == 't' {
		plain[t] = 'T'
	}
	if end := len(plain) - 1; plain[end] == 'z' {
		plain[end] = 'Z'
	}
	leap := string(plain[second:second+2]) == "60"
	if leap {
		copy(plain[second:], "59")
	}
	if at.UnmarshalText(plain) != nil || !isRFC3339(plain) {
		return time.Time{}, false
	}
	if leap {
		at = at.Truncate(time.Second).Add(time.Second - time.Microsecond)
	}
	return at.UTC(), true
}

// isRFC3339 refuses what package time takes for RFC 3339 and is not: an hour of one
// digit, a comma before the fraction, offsets like +24:00 and +01:60. text is
// something that package time takes.
func isRFC3339(text []byte) bool {
	if text[len("2006-01-02T15")] != ':' || text[len("2006-01-02T15:04:05")] == ',' {
		return false
	}
	if text[len(text)-1] == 'Z' {
		return true
	}
	offset := text[len(text)-len("15:04"):]
	return string(offset[:2]) < "24" && string(offset[3:]) < "60"
}

// ParseUnix reads the time since 1970 in seconds, possibly with a fraction, or in whole milli-,
// micro- or nanoseconds: the number of digits says which, from 2001-09-09 to 2286-11-20.
func ParseUnix(text string) (at time.Time, ok bool) {
	whole, fraction, fractional := strings.Cut(text, ".")
	digits := strings.Trim(whole+fraction, "0123456789") == ""
	if !digits || whole == "" || whole[0] == '0' || fractional && len(whole) != 10 {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	switch len(whole) {
	case 10:
		nanos, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
		at = time.Unix(n, nanos)
	case 13:
		at = time.UnixMilli(n)
	case 16:
		at = time.UnixMicro(n)
	case 19:
		at = time.Unix(0, n)
	default:
		return time.Time{}, false
	}
	return at.UTC(), true
}
