package ingest

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// idIn reads an event id. Ids differ, so they are not worth a cache.
func idIn(value jsontext.Value) (id, wrong string) {
	text, wrong := textIn(value)
	if wrong != "" {
		return "", wrong
	}
	id = string(text)
	return id, meter.CheckName(id)
}

// tokensIn reads a token count. JSON has no integers: 1e3 and 1500.0 are refused as
// well, because a client that sends them is likely to send 1500.5 one day.
func tokensIn(value jsontext.Value) (tokens int64, wrong string) {
	if kind := value.Kind(); kind != jsontext.KindNumber {
		return 0, meter.CheckTokens(0) + ", not " + kindName(kind)
	}
	// What does not parse yields 0, and what overflows the ends of int64: both are
	// out of range as well.
	tokens, _ = strconv.ParseInt(string(value), 10, 64)
	return tokens, meter.CheckTokens(tokens)
}

// timeIn reads a timestamp that arrived at now. Postgres keeps microseconds.
func timeIn(value jsontext.Value, now time.Time) (at time.Time, wrong string) {
	text, wrong := textIn(value)
	if wrong != "" {
		return at, wrong
	}
	if err := at.UnmarshalText(text); err != nil || !isRFC3339(text) {
		return time.Time{}, "must be an RFC 3339 timestamp like 2006-01-02T15:04:05Z"
	}
	at = at.UTC().Truncate(time.Microsecond)
	return at, meter.CheckTime(at, now)
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

// textIn is the content of a JSON string. It may share memory with value.
func textIn(value jsontext.Value) (text []byte, wrong string) {
	if kind := value.Kind(); kind != jsontext.KindString {
		return nil, "must be a string, not " + kindName(kind)
	}
	if !utf8.Valid(value) {
		return nil, "must be valid UTF-8"
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], ""
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil { // all else was checked when the value was read
		return nil, "must not contain half of a surrogate pair"
	}
	return text, ""
}

// kindName is a kind of JSON value in the words of an error.
func kindName(kind jsontext.Kind) string {
	switch kind {
	case jsontext.KindString:
		return "a string"
	case jsontext.KindNumber:
		return "a number"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "a boolean"
	case jsontext.KindBeginObject:
		return "an object"
	case jsontext.KindBeginArray:
		return "an array"
	}
	return "null"
}
