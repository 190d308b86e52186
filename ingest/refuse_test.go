package ingest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestBadInputIsNamedAndChangesNothing sends each kind of bad input to a server that
// has counted something, and compares both stores before and after.
func TestBadInputIsNamedAndChangesNothing(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted("[" + acme(5, `,"id":"e1"`) + "," + acme(7, `,"timestamp":"2026-07-20T00:00:00Z"`) + "]")
	before := a.state()

	tokens := func(n string) string { return `{"tenant":"acme","feature":"chat","tokens":` + n + `}` }
	tenant := func(name string) string { return `{"tenant":` + name + `,"feature":"chat","tokens":1}` }
	good := acme(1, "")
	thousand := slices.Repeat([]string{good}, 1000)
	thousand[700] = tokens("-1")
	const badJSON, badEvent = "invalid-json", "invalid-event"
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		kind                    string
		want                    string // index and field of the errors
	}{
		{"nothing", jsonType, "", 400, badEvent, ""},
		{"not JSON", jsonType, "hello", 400, badJSON, "0 -"},
		{"cut off", jsonType, good[:len(good)-1], 400, badJSON, "0 -"},
		{"trailing data", jsonType, good + "x", 400, badJSON, ""},
		{"two events without an array", jsonType, good + good, 400, badJSON, ""},
		{"an empty array", jsonType, "[]", 400, badEvent, ""},
		{"a number", jsonType, "5", 400, badEvent, "0 -"},
		{"null in an array", jsonType, "[null]", 400, badEvent, "0 -"},
		{"an array in an array", jsonType, "[[" + good + "]]", 400, badEvent, "0 -"},
		{"a bad line", ndjsonType, good + "\n{]\n", 400, badJSON, "1 -"},

		{"duplicate keys", jsonType, acme(1, `,"tokens":1`), 400, badEvent, "0 tokens"},
		{"wrong case of a key", jsonType, `{"Tenant":"acme","feature":"chat","tokens":1}`, 400, badEvent,
			"0 Tenant"},
		{"unknown field", jsonType, acme(1, `,"model":"x"`), 400, badEvent, "0 model"},
		{"missing tenant", jsonType, `{"feature":"chat","tokens":1}`, 400, badEvent, "0 tenant"},
		{"missing feature", jsonType, `{"tenant":"acme","tokens":1}`, 400, badEvent, "0 feature"},
		{"missing tokens", jsonType, `{"tenant":"acme","feature":"chat"}`, 400, badEvent, "0 tokens"},
		{"missing all", jsonType, "{}", 400, badEvent, "0 tenant, 0 feature, 0 tokens"},

		{"tokens -1", jsonType, tokens("-1"), 400, badEvent, "0 tokens"},
		{"tokens 1.5", jsonType, tokens("1.5"), 400, badEvent, "0 tokens"},
		{"tokens 1e3", jsonType, tokens("1e3"), 400, badEvent, "0 tokens"},
		{"tokens a string", jsonType, tokens(`"5"`), 400, badEvent, "0 tokens"},
		{"tokens 10^12 + 1", jsonType, tokens("1000000000001"), 400, badEvent, "0 tokens"},
		{"tokens 2^63", jsonType, tokens("9223372036854775808"), 400, badEvent, "0 tokens"},
		{"tokens 2^64 + 1", jsonType, tokens("18446744073709551617"), 400, badEvent, "0 tokens"},

		{"empty tenant", jsonType, tenant(`""`), 400, badEvent, "0 tenant"},
		{"tenant of 10 kB", jsonType, tenant(`"` + strings.Repeat("x", 10_000) + `"`), 400, badEvent,
			"0 tenant"},
		{"tenant with a control character", jsonType, tenant(`"ac\u0000me"`), 400, badEvent, "0 tenant"},
		{"tenant with a tab", jsonType, tenant(`"ac\tme"`), 400, badEvent, "0 tenant"},
		{"feature with a line feed", jsonType, `{"tenant":"acme","feature":"a\nb","tokens":1}`, 400,
			badEvent, "0 feature"},
		{"id with a control character", jsonType, acme(1, `,"id":"a\u0085"`), 400, badEvent, "0 id"},
		{"invalid UTF-8", jsonType, tenant("\"ac\xffme\""), 400, badEvent, "0 tenant"},
		{"invalid UTF-8 outside of a string", jsonType, "\xff" + good, 400, badJSON, "0 -"},
		{"unknown tenant", jsonType, tenant(`"nobody"`), 404, "unknown-tenant", "0 tenant"},

		{"10,001 events", jsonType, "[" + strings.Repeat(good+",", 10_000) + good + "]", 413, "too-large",
			""},
		{"10,001 lines", ndjsonType, strings.Repeat(good+"\n", 10_001), 413, "too-large", ""},
		{"5 MiB", jsonType, good + strings.Repeat(" ", 5<<20), 413, "too-large", ""},

		{"no content type", "", good, 415, "unsupported-media-type", ""},
		{"wrong content type", "text/plain", good, 415, "unsupported-media-type", ""},
		{"form", "application/x-www-form-urlencoded", good, 415, "unsupported-media-type", ""},
		{"lines as one document", jsonType, good + "\n" + good, 400, badJSON, ""},
		{"an array as lines", ndjsonType, "[" + good + "]", 400, badEvent, "0 -"},

		{"timestamp a year old", jsonType, acme(1, `,"timestamp":"2025-08-01T12:00:00Z"`), 400, badEvent,
			"0 timestamp"},
		{"timestamp an hour ahead", jsonType, acme(1, `,"timestamp":"2026-08-01T13:00:00Z"`), 400,
			badEvent, "0 timestamp"},
		{"timestamp without a zone", jsonType, acme(1, `,"timestamp":"2026-08-01T12:00:00"`), 400,
			badEvent, "0 timestamp"},

		{"one bad event in a thousand", jsonType, "[" + strings.Join(thousand, ",") + "]", 400, badEvent,
			"700 tokens"},
		{"one bad line in a thousand", ndjsonType, strings.Join(thousand, "\n"), 400, badEvent,
			"700 tokens"},
		{"several bad events", jsonType, "[" + tokens("-1") + "," + good + "," + tenant(`""`) + "]", 400,
			badEvent, "0 tokens, 2 tenant"},
		{"a good id with other content", jsonType, "[" + good + "," + acme(6, `,"id":"e1"`) + "]", 409,
			"id-conflict", "1 id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := a.in(t)
			p := a.refused(a.post(c.contentType, c.body), c.status, c.kind)
			var got []string
			for _, e := range p.Errors {
				index, field := "-", "-"
				if e.Index != nil {
					index = fmt.Sprint(*e.Index)
				}
				if e.Field != "" {
					field = e.Field
				}
				got = append(got, index+" "+field)
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("errors %q, want %q", got, c.want)
			}
			a.unchanged(before)
		})
	}
	if got := a.metrics()["ingest_events_total"]; got != 2 {
		t.Errorf("the metric says %v events, want 2", got)
	}
}
