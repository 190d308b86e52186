package hostile

import (
	"bytes"
	"compress/gzip"
	"strconv"
	"strings"
)

// packed is text as a gzip stream.
func packed(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text)) // memory takes all
	_ = w.Close()
	return out.String()
}

const (
	event   = `{"tenant":"acme","feature":"chat","tokens":1}`
	gzipped = "Content-Encoding: gzip\r\n"
	// most is the size that a body may have.
	most = 4 << 20
)

// bodies are bodies of POST /events. A good event is in many of them, and never counted.
func bodies() []attack {
	as := func(contentType, body string) string {
		return strings.Replace(sized("", body), "Content-Type: application/json\r\n", contentType, 1)
	}
	bad := strings.Replace(event, "1}", "-1}", 1)
	return []attack{
		{name: "no content type", raw: as("", event), want: "415 unsupported-media-type"},
		{name: "two content types",
			raw:  as("Content-Type: text/plain\r\nContent-Type: application/json\r\n", event),
			want: "415 unsupported-media-type"},
		{name: "what a form can send", raw: as("Content-Type: text/plain\r\n", event),
			want: "415 unsupported-media-type"},
		{name: "a form", raw: as("Content-Type: application/x-www-form-urlencoded\r\n",
			"tenant=acme&feature=chat&tokens=1"), want: "415 unsupported-media-type"},
		{name: "a file", raw: as("Content-Type: multipart/form-data; boundary=x\r\n",
			"--x\r\n\r\n"+event+"\r\n--x--"), want: "415 unsupported-media-type"},
		{name: "another character set", raw: as("Content-Type: application/json; charset=utf-7\r\n",
			event), want: "415 unsupported-media-type"},
		{name: "XML with an entity", raw: as("Content-Type: application/xml\r\n",
			`<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`),
			want: "415 unsupported-media-type"},

		{name: "brotli", raw: sized("Content-Encoding: br\r\n", event),
			want: "415 unsupported-media-type"},
		{name: "gzip twice", raw: sized("Content-Encoding: gzip, gzip\r\n", packed(packed(event))),
			want: "415 unsupported-media-type"},
		{name: "two codings", raw: sized("Content-Encoding: identity\r\n"+gzipped, packed(event)),
			want: "415 unsupported-media-type"},
		{name: "not gzip", raw: sized(gzipped, event), want: "400 invalid-encoding"},
		{name: "half a gzip stream", raw: sized(gzipped, packed(event)[:30]),
			want: "400 invalid-encoding"},
		{name: "two gzip streams", raw: sized(gzipped, packed(event)+packed(event)),
			want: "400 invalid-encoding"},
		{name: "gzip and something behind it", raw: sized(gzipped, packed(event)+"\n"),
			want: "400 invalid-encoding"},
		{name: "gzip that is cut off on the wire", raw: post(gzipped+"Content-Length: 1000\r\n",
			packed(event)), want: "400 incomplete-body"},
		{name: "gzip of what is not good", raw: sized(gzipped, packed(bad)), want: "400 invalid-event"},
		{name: "a bomb", raw: sized(gzipped, packed("["+strings.Repeat(" ", 64<<20)+event+"]")),
			want: "413 too-large"},
		{name: "a bomb in chunks", raw: post(gzipped+"Transfer-Encoding: chunked\r\n",
			chunks(packed(strings.Repeat(" ", 64<<20)))), want: "413 too-large"},
		{name: "a bomb with a good event at its start",
			raw: sized(gzipped, packed(event+strings.Repeat(" ", 16<<20))), want: "413 too-large"},

		{name: "a length that is too large", raw: post("Content-Length: 4194305\r\n", event),
			want: "413 too-large"},
		{name: "too much in chunks", raw: post("Transfer-Encoding: chunked\r\n",
			chunks(event+strings.Repeat(" ", most))), want: "413 too-large"},
		{name: "a body that is cut off", raw: post("Content-Length: 100\r\n", event),
			want: "400 incomplete-body"},
		{name: "a body that is longer than it says", raw: post("Content-Length: 10\r\n", event),
			want: "400 invalid-json, 400"},

		{name: "a million arrays", raw: sized("", strings.Repeat("[", 1_000_000)),
			want: "400 invalid-json"},
		{name: "a million objects", raw: sized("", strings.Repeat(`{"a":`, 700_000)),
			want: "400 invalid-json"},
		{name: "arrays in an unknown field",
			raw:  sized("", `{"x":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+"}"),
			want: "400 invalid-json"},
		{name: "100,000 fields",
			raw:  sized("", "{"+strings.TrimSuffix(strings.Repeat(`"x":1,`, 100_000), ",")+"}"),
			want: "400 invalid-event"},
		{name: "a number of a million digits",
			raw: sized("", `{"tenant":"acme","feature":"chat","tokens":1`+strings.Repeat("0",
				1_000_000)+"}"), want: "400 invalid-event"},
		{name: "an exponent", raw: sized("", `{"tenant":"acme","feature":"chat","tokens":1e999999999}`),
			want: "400 invalid-event"},
		{name: "a string of 4 MB",
			raw:  sized("", `{"tenant":"`+strings.Repeat("a", 4_000_000)+`","feature":"chat","tokens":1}`),
			want: "400 invalid-event"},
		{name: "10,001 events", raw: sized("", "["+strings.Repeat(event+",", 10_000)+event+"]"),
			want: "413 too-large"},
		{name: "9,999 good events and a bad one",
			raw: sized("", "["+strings.Repeat(event+",", 9_999)+bad+"]"), want: "400 invalid-event"},
		{name: "a line in another line",
			raw:  sized("", `{"tenant":"acme\n0\tacme","feature":"chat","tokens":1}`),
			want: "400 invalid-event"},
		{name: "the end of COPY", raw: sized("", `{"tenant":"\\.","feature":"chat","tokens":1}`),
			want: "404 unknown-tenant"},
		{name: "SQL as a tenant",
			raw:  sized("", `{"tenant":"acme'; DROP TABLE events; --","feature":"chat","tokens":1}`),
			want: "404 unknown-tenant"},
		{name: "all tenants as a tenant", raw: sized("", `{"tenant":"*","feature":"chat","tokens":1}`),
			want: "400 invalid-event"},
		{name: "a key of Valkey as a tenant",
			raw: sized("", `{"tenant":"{0}:raw","feature":"chat","tokens":1}`), want: "404 unknown-tenant"},
		{name: "the prototype",
			raw:  sized("", `{"__proto__":{"tokens":1},"tenant":"acme","feature":"chat","tokens":1}`),
			want: "400 invalid-event"},
		{name: "an archived tenant", raw: sized("", strings.Replace(event, "acme", "gone", 1)),
			want: "404 unknown-tenant"},
		{name: "an id that was used for something else",
			raw: sized("", strings.Replace(event, "}", `,"id":"e1"}`, 1)), want: "409 id-conflict"},
		{name: "the same by header", raw: sized("Idempotency-Key: e1\r\n", event),
			want: "409 id-conflict"},
		{name: "two ids by header", raw: sized("Idempotency-Key: a\r\nIdempotency-Key: b\r\n", event),
			want: "400 invalid-idempotency-key"},
		{name: "one key for two events, and no flusher",
			raw: sized("Idempotency-Key: a\r\n", "["+event+","+event+"]"), want: "503 unavailable"},
		{name: "a key that is empty for two events", raw: sized("Idempotency-Key: \"\"\r\n",
			"["+event+","+event+"]"), want: "400 invalid-idempotency-key"},
		{name: "an id of 1,000 characters by header",
			raw:  sized("Idempotency-Key: "+strings.Repeat("a", 1000)+"\r\n", event),
			want: "400 invalid-idempotency-key"},
	}
}

// chunks is text in chunks of 4 kB.
func chunks(text string) string {
	var out strings.Builder
	for len(text) > 0 {
		n := min(len(text), 4096)
		out.WriteString(strconv.FormatInt(int64(n), 16) + "\r\n" + text[:n] + "\r\n")
		text = text[n:]
	}
	return out.String() + "0\r\n\r\n"
}
