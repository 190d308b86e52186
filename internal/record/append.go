package record

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Append appends the line of an event that is stored under id. The event's time must be set and
// its year have four digits; its names must be valid (meter.CheckName).
func Append(b []byte, id uuid.UUID, e meter.Event) []byte {
	b = appendUUID(b, id)
	b = appendText(append(b, '\t'), e.Tenant)
	b = appendText(append(b, '\t'), e.Feature)
	b = strconv.AppendInt(append(b, '\t'), e.Amounts[meter.Tokens], 10)
	b = appendTimestamp(append(b, '\t'), e.At)
	if e.ID == "" {
		return append(b, "\t"+null...)
	}
	return appendText(append(b, '\t'), e.ID)
}

// appendText appends a name. The backslash is the only character that COPY text treats specially
// and that a name can contain.
func appendText(b []byte, s string) []byte {
	for {
		before, after, found := strings.Cut(s, `\`)
		b = append(b, before...)
		if !found {
			return b
		}
		b = append(b, `\\`...)
		s = after
	}
}

// unescape reads what appendText has written.
func unescape(field string) string { return strings.ReplaceAll(field, `\\`, `\`) }

func appendUUID(b []byte, id uuid.UUID) []byte {
	b = append(hex.AppendEncode(b, id[:4]), '-')
	b = append(hex.AppendEncode(b, id[4:6]), '-')
	b = append(hex.AppendEncode(b, id[6:8]), '-')
	b = append(hex.AppendEncode(b, id[8:10]), '-')
	return hex.AppendEncode(b, id[10:])
}

// appendTimestamp appends t, of a year with four digits, to the microsecond and in UTC:
// 2006-01-02 15:04:05.000000+00. Package time reads a layout for that, each time anew.
func appendTimestamp(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = append(appendDigits(b, year, 4), '-')
	b = append(appendDigits(b, int(month), 2), '-')
	b = append(appendDigits(b, day, 2), ' ')
	b = append(appendDigits(b, hour, 2), ':')
	b = append(appendDigits(b, minute, 2), ':')
	b = append(appendDigits(b, second, 2), '.')
	b = appendDigits(b, t.Nanosecond()/1000, 6)
	return append(b, "+00"...)
}

// appendDigits appends the last width digits of n.
func appendDigits(b []byte, n, width int) []byte {
	b = append(b, "000000"[:width]...)
	for i := len(b) - 1; n > 0 && width > 0; i, width = i-1, width-1 {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}
