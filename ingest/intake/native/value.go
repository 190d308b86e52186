package native

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
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
		return 0, meter.CheckTokens(-1) + ", not " + kindName(kind)
	}
	tokens, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || value[0] == '-' { // -0 as well: who sends it computes with fractions
		return 0, meter.CheckTokens(-1)
	}
	return tokens, meter.CheckTokens(tokens)
}

// timeIn reads a timestamp that arrived at now. Postgres keeps microseconds.
func timeIn(value jsontext.Value, now time.Time) (at time.Time, wrong string) {
	text, wrong := textIn(value)
	if wrong != "" {
		return at, wrong + problem.AsInstant(string(value))
	}
	at, ok := meter.ParseInstant(text)
	if !ok {
		return time.Time{}, "must be an RFC 3339 timestamp like 2006-01-02T15:04:05Z" +
			problem.AsInstant(string(text))
	}
	at = at.Truncate(time.Microsecond)
	return at, meter.CheckTime(at, now)
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
