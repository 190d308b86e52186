package answer

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// WriteJSON answers 200 with body.
func WriteJSON(w http.ResponseWriter, body []byte) {
	w.Header()["Content-Type"] = ContentType
	if len(body) > 2048 { // net/http sets the length of shorter ones by itself
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	_, _ = w.Write(body) // fails if the client has gone away
}

// Values of headers, which net/http only reads.
var (
	// ContentType is that of JSON.
	ContentType = []string{"application/json"}
	// NoCache as Cache-Control lets a client keep an answer, and ask each time whether it is still
	// good.
	NoCache = []string{"private, no-cache"}
)

// AppendString appends a JSON string. Names are valid UTF-8: they were checked on the way in.
func AppendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// AppendStrings appends a JSON array of strings.
func AppendStrings(b []byte, all []string) []byte {
	b = append(b, '[')
	for i, s := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, s)
	}
	return append(b, ']')
}

// AppendInt appends an integer.
func AppendInt(b []byte, n int) []byte { return AppendInt64(b, int64(n)) }

// AppendInt64 appends an integer.
func AppendInt64(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// AppendTime appends an instant as RFC 3339.
func AppendTime(b []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}
