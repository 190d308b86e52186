package native

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	badTokens = "tokens must be an integer from 0 to 1000000000000"
	unknown   = " is not a known field; known are tenant, feature, tokens, id and timestamp"
	badTime   = "timestamp must be an RFC 3339 timestamp like 2006-01-02T15:04:05Z"
)

// with is a good event with some JSON members added.
func with(members string) string {
	return `{"tenant":"a","feature":"b","tokens":1,` + members + `}`
}

// TestDecodeRefusesEvents holds one row for each thing that can be wrong with an
// event that is JSON. Every row is tried alone, in an array and as a line.
func TestDecodeRefusesEvents(t *testing.T) {
	tokens := func(value string) string { return `{"tenant":"a","feature":"b","tokens":` + value + `}` }
	tenant := func(value string) string { return `{"tenant":` + value + `,"feature":"b","tokens":1}` }
	long := strings.Repeat("x", 10_000)
	for _, c := range []struct {
		name, event string
		want        []string // field and detail of each error
	}{
		{"tokens -0", tokens("-0"), []string{badTokens}},
		{"tokens -1", tokens("-1"), []string{badTokens}},
		{"tokens 1.5", tokens("1.5"), []string{badTokens}},
		{"tokens 1.0", tokens("1.0"), []string{badTokens}},
		{"tokens 1e3", tokens("1e3"), []string{badTokens}},
		{"tokens 10^12 + 1", tokens("1000000000001"), []string{badTokens}},
		{"tokens 2^63", tokens("9223372036854775808"), []string{badTokens}},
		{"tokens -2^63 - 1", tokens("-9223372036854775809"), []string{badTokens}},
		{"tokens of 10,000 digits", tokens(strings.Repeat("9", 10_000)), []string{badTokens}},
		{"tokens a string", tokens(`"5"`), []string{badTokens + ", not a string"}},
		{"tokens null", tokens("null"), []string{badTokens + ", not null"}},
		{"tokens a boolean", tokens("true"), []string{badTokens + ", not a boolean"}},
		{"tokens an object", tokens(`{"a":1,"a":[{}]}`), []string{badTokens + ", not an object"}},
		{"tokens an array", tokens("[1]"), []string{badTokens + ", not an array"}},

		{"tenant empty", tenant(`""`), []string{"tenant must not be empty"}},
		{"tenant of 129 characters", tenant(`"` + strings.Repeat("é", 129) + `"`), []string{"tenant must have at most 128 characters"}},
		{"tenant of 10 kB", tenant(`"` + long + `"`), []string{"tenant must have at most 128 characters"}},
		{"tenant with a tab", tenant(`"a\tb"`), []string{"tenant must not contain control characters"}},
		{"tenant with NUL", tenant(`"\u0000"`), []string{"tenant must not contain control characters"}},
		{"tenant with DEL", tenant("\"a\x7f\""), []string{"tenant must not contain control characters"}},
		{"tenant with C1", tenant("\"\u0085\""), []string{"tenant must not contain control characters"}},
		{"tenant in invalid UTF-8", tenant("\"a\xff\""), []string{"tenant must be valid UTF-8"}},
		{"tenant in invalid UTF-8 with escapes", tenant("\"\\u0061\xc3\""), []string{"tenant must be valid UTF-8"}},
		{"tenant with a high surrogate", tenant(`"\ud83e"`), []string{"tenant must not contain half of a surrogate pair"}},
		{"tenant with a low surrogate", tenant(`"a\udd89b"`), []string{"tenant must not contain half of a surrogate pair"}},
		{"tenant with a pair the wrong way round", tenant(`"\udd89\ud83e"`), []string{"tenant must not contain half of a surrogate pair"}},
		{"tenant that is a directory", tenant(`".."`), []string{"tenant must not be . or .., which no URL can hold as a name"}},
		{"tenant that is all tenants", tenant(`"*"`), []string{"tenant must not be *, which stands for the defaults of all tenants"}},
		{"tenant null", tenant("null"), []string{"tenant must be a string, not null"}},
		{"tenant a number", tenant("5"), []string{"tenant must be a string, not a number"}},
		{"tenant an array", tenant(`["a"]`), []string{"tenant must be a string, not an array"}},
		{"feature empty", `{"tenant":"a","feature":"","tokens":1}`, []string{"feature must not be empty"}},
		{"feature false", `{"tenant":"a","feature":false,"tokens":1}`, []string{"feature must be a string, not a boolean"}},
		{"id empty", with(`"id":""`), []string{"id must not be empty"}},
		{"id null", with(`"id":null`), []string{"id must be a string, not null"}},
		{"id a number", with(`"id":7`), []string{"id must be a string, not a number"}},
		{"id of 10 kB", with(`"id":"` + long + `"`), []string{"id must have at most 128 characters"}},
		{"id with a line feed", with(`"id":"a\n"`), []string{"id must not contain control characters"}},

		{"timestamp a year old", with(`"timestamp":"2025-08-01T12:00:00Z"`), []string{"timestamp must not be more than 35 days in the past"}},
		{"timestamp before it is cut to microseconds", with(`"timestamp":"2026-06-27T12:00:00.123456999Z"`), []string{"timestamp must not be more than 35 days in the past"}},
		{"timestamp an hour ahead", with(`"timestamp":"2026-08-01T13:00:00Z"`), []string{"timestamp must not be more than 5 minutes in the future"}},
		{"timestamp a number", with(`"timestamp":1785585600`), []string{`timestamp must be a string, not a number; 1785585600 is written "2026-08-01T12:00:00Z"`}},
		{"timestamp in milliseconds", with(`"timestamp":1785585600123`), []string{`timestamp must be a string, not a number; 1785585600123 is written "2026-08-01T12:00:00.123Z"`}},
		{"timestamp in seconds as a string", with(`"timestamp":"1785585600"`), []string{badTime + `; 1785585600 is written "2026-08-01T12:00:00Z"`}},
		{"timestamp a small number", with(`"timestamp":5`), []string{"timestamp must be a string, not a number"}},
		{"timestamp in second 61", with(`"timestamp":"2026-08-01T11:59:61Z"`), []string{badTime}},
		{"timestamp null", with(`"timestamp":null`), []string{"timestamp must be a string, not null"}},
		{"timestamp empty", with(`"timestamp":""`), []string{badTime}},
		{"timestamp without a zone", with(`"timestamp":"2026-08-01T11:00:00"`), []string{badTime}},
		{"timestamp without a T", with(`"timestamp":"2026-08-01 11:00:00Z"`), []string{badTime}},
		{"timestamp with an hour of one digit", with(`"timestamp":"2026-08-01T1:00:00Z"`), []string{badTime}},
		{"timestamp with a comma", with(`"timestamp":"2026-08-01T11:00:00,5Z"`), []string{badTime}},
		{"timestamp with an offset of 99 hours", with(`"timestamp":"2026-08-01T11:00:00+99:00"`), []string{badTime}},
		{"timestamp with an offset of 24 hours", with(`"timestamp":"2026-08-01T11:00:00+24:00"`), []string{badTime}},
		{"timestamp with an offset of 60 minutes", with(`"timestamp":"2026-08-01T11:00:00-01:60"`), []string{badTime}},
		{"timestamp with a letter after it", with(`"timestamp":"2026-08-01T11:00:00Zz"`), []string{badTime}},
		{"timestamp on a date that is none", with(`"timestamp":"2026-07-32T11:00:00Z"`), []string{badTime}},
		{"timestamp of 10 kB", with(`"timestamp":"` + long + `"`), []string{badTime}},

		{"missing", `{}`, []string{"tenant is missing", "feature is missing", "tokens is missing"}},
		{"tokens missing", `{"tenant":"a","feature":"b"}`, []string{"tokens is missing"}},
		{"twice", with(`"tokens":2`), []string{"tokens must not appear twice"}},
		{"twice, once escaped", with(`"token\u0073":2`), []string{"tokens must not appear twice"}},
		{"thrice is said once", with(`"tenant":"a","tenant":"a"`), []string{"tenant must not appear twice"}},
		{"unknown", with(`"user":"bob"`), []string{"user" + unknown}},
		{"unknown with a nested value", with(`"meta":{"a":[1,{"a":2,"a":3}]}`), []string{"meta" + unknown}},
		{"unknown and empty", with(`"":1`), []string{`""` + unknown}},
		{"unknown of 10 kB", with(`"` + long + `":1`), []string{long[:63] + "…" + unknown}},
		{"unknown in invalid UTF-8", with("\"a\xff\":1"), []string{"a\uFFFD" + unknown}},
		{"more unknown than are listed", with(strings.Repeat(`"x":1,`, 20) + `"y":1`),
			append(slices.Repeat([]string{"x" + unknown}, 8), "- has more unknown fields")},
		{"wrong case", `{"Tenant":"a","FEATURE":"b","tokens":1}`,
			[]string{`Tenant is not a known field; did you mean "tenant"?`, `FEATURE is not a known field; did you mean "feature"?`}},
		{"wrong case of an optional key", with(`"ID":"x","timeStamp":1`),
			[]string{`ID is not a known field; did you mean "id"?`, `timeStamp is not a known field; did you mean "timestamp"?`}},

		{"every bad field is listed", `{"tokens":"5","tenant":null,"id":"","x":1,"timestamp":"now"}`,
			[]string{badTokens + ", not a string", "tenant must be a string, not null", "id must not be empty",
				"x" + unknown, badTime, "feature is missing"}},
		{"a number", "5", []string{"- must be an object, not a number"}},
		{"a string", `"{}"`, []string{"- must be an object, not a string"}},
		{"null", "null", []string{"- must be an object, not null"}},
		{"false", "false", []string{"- must be an object, not a boolean"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, body := range []struct{ contentType, text, index string }{
				{jsonType, c.event, "0 "},
				{jsonType, "[" + shortestEvent + "," + c.event + "," + shortestEvent + "]", "1 "},
				{ndjsonType, shortestEvent + "\n\n" + c.event + "\n" + shortestEvent, "1 "},
			} {
				events, problem := decodeEvents(body.contentType, []byte(body.text), arrival, nil)
				if events != nil || problem == nil || problem.Status != 400 || problem.Type != "/problems/invalid-event" {
					t.Fatalf("%.60s: events %v, problem %v", body.text, events, problem)
				}
				var want []string
				for _, w := range c.want {
					want = append(want, body.index+w)
				}
				if got := errorLines(problem); !slices.Equal(got, want) {
					t.Errorf("%.60s:\ngot  %q\nwant %q", body.text, got, want)
				}
			}
		})
	}
}

// TestDecodeRefusesWhatIsNotJSON checks the place; the reason is the JSON decoder's.
func TestDecodeRefusesWhatIsNotJSON(t *testing.T) {
	const good, bad = shortestEvent, `{"tenant":"a","feature":"","tokens":10}` // 39 bytes each
	const noFeature = "feature must not be empty"
	for _, c := range []struct {
		name, contentType, body string
		detail                  string   // begins the problem's detail
		want                    []string // begin the errors
	}{
		{"text", jsonType, "hello", "not valid JSON at byte 0: ", []string{"0 - not valid JSON at byte 0: "}},
		{"cut off in an event", jsonType, good[:30], "not valid JSON at byte 30: it ends too early", []string{"0 - not valid JSON at byte 30: it ends too early"}},
		{"cut off in an array", jsonType, "[" + good, "not valid JSON at byte 40: it ends too early", []string{"1 - not valid JSON at byte 40: "}},
		{"cut off after a comma", jsonType, "[" + good + ",", "not valid JSON at byte 41: it ends too early", []string{"1 - not valid JSON at byte 41: "}},
		{"a comma too many", jsonType, "[" + good + ",]", "not valid JSON at byte 40: ", []string{"1 - not valid JSON at byte 40: "}},
		{"a comma too many in an event", jsonType, `{"tenant":"a",}`, "not valid JSON at byte 13: ", []string{"0 - not valid JSON at byte 13: "}},
		{"a comma missing", jsonType, "[" + good + " " + good + "]", "not valid JSON at byte 41: ", []string{"1 - not valid JSON at byte 41: "}},
		{"a key that is no string", jsonType, `{1:2}`, "not valid JSON at byte 1: ", []string{"0 - not valid JSON at byte 1: "}},
		{"single quotes", jsonType, `{'tenant':'a'}`, "not valid JSON at byte 1: ", []string{"0 - not valid JSON at byte 1: "}},
		{"a tab in a string", jsonType, "{\"tenant\":\"a\tb\"}", "not valid JSON at byte 12: ", []string{"0 - not valid JSON at byte 12: "}},
		{"an unknown escape", jsonType, `{"tenant":"\x"}`, "not valid JSON at byte 11: ", []string{"0 - not valid JSON at byte 11: "}},
		{"a leading zero", jsonType, `{"tokens":01}`, "not valid JSON at byte 11: ", []string{"0 - not valid JSON at byte 11: "}},
		{"NaN", jsonType, `{"tokens":NaN}`, "not valid JSON at byte 10: ", []string{"0 - not valid JSON at byte 10: "}},
		{"invalid UTF-8 outside a string", jsonType, "{\xff}", "not valid JSON at byte 1: ", []string{"0 - not valid JSON at byte 1: "}},
		{"a byte order mark", jsonType, "\ufeff" + good, "not valid JSON at byte 0: ", []string{"0 - not valid JSON at byte 0: "}},
		{"an array ends its errors there", jsonType, "[" + bad + "," + good + "," + bad + ",x," + bad + "]", "not valid JSON at byte 121: ",
			[]string{"0 " + noFeature, "2 " + noFeature, "3 - not valid JSON at byte 121: "}},
		{"the errors of the broken event come first", jsonType, `{"tenant":"","x":1,!`, "not valid JSON at byte 19: ",
			[]string{"0 tenant must not be empty", "0 x" + unknown, "0 - not valid JSON at byte 19: "}},
		{"text after an event", jsonType, good + " x", "not valid JSON at byte 40: more text after the end; send several events as an array or as application/x-ndjson", nil},
		{"two events", jsonType, good + "\n" + bad, "not valid JSON at byte 40: more text after the end; send several", nil},
		{"text after an array", jsonType, "[" + good + "]]", "not valid JSON at byte 41: more text after the end; ", nil},
		{"text after an array, and a bad event", jsonType, "[" + bad + "],", "not valid JSON at byte 41: more text after the end; ", []string{"0 " + noFeature}},

		{"a line", ndjsonType, good + "\nhello\n" + bad, "not valid JSON at byte 40: ", []string{"1 - not valid JSON at byte 40: ", "2 " + noFeature}},
		{"two lines: the first is the detail", ndjsonType, "{\n" + good + "\n}", "not valid JSON at byte 2: it ends too early",
			[]string{"0 - not valid JSON at byte 2: ", "2 - not valid JSON at byte 42: "}},
		{"text after the event of a line", ndjsonType, good + "\n" + good + "," + good, "not valid JSON at byte 79: more text after the end; send one event a line",
			[]string{"1 - not valid JSON at byte 79: more text after the end; send one event a line"}},
		{"an event over two lines", ndjsonType, "{\"tenant\":\"a\",\n\"feature\":\"b\",\"tokens\":1}", "not valid JSON at byte 15: ",
			[]string{"0 - not valid JSON at byte 15: ", "1 - must be an object, not a string", "1 - not valid JSON at byte 24: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, problem := decodeEvents(c.contentType, []byte(c.body), arrival, nil)
			if events != nil || problem == nil || problem.Status != 400 || problem.Type != "/problems/invalid-json" {
				t.Fatalf("events %v, problem %v", events, problem)
			}
			if !strings.HasPrefix(problem.Detail, c.detail) {
				t.Errorf("detail %q, want %q", problem.Detail, c.detail)
			}
			if got := errorLines(problem); !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("errors %q, want %q", got, c.want)
			}
		})
	}
}

func TestDecodeRefusesNoEvents(t *testing.T) {
	for _, c := range []struct{ contentType, body string }{
		{jsonType, ""}, {jsonType, " \n"}, {jsonType, "[]"}, {jsonType, " [ ] "}, {ndjsonType, ""}, {ndjsonType, "\n \r\n"},
	} {
		_, problem := decodeEvents(c.contentType, []byte(c.body), arrival, nil)
		if problem == nil || problem.Status != 400 || problem.Type != "/problems/invalid-event" || problem.Detail != "the body holds no event" {
			t.Errorf("%q: %v", c.body, problem)
		}
	}
}

func TestAnArrayAsALineIsNoEvent(t *testing.T) {
	_, problem := decodeEvents(ndjsonType, []byte("["+shortestEvent+"]"), arrival, nil)
	if problem == nil || !slices.Equal(errorLines(problem), []string{"0 - must be an object, not an array"}) {
		t.Errorf("got %v", problem)
	}
}

// TestProblemsRepeatLittleOfTheInput sends a long text wherever a client can put one.
func TestProblemsRepeatLittleOfTheInput(t *testing.T) {
	long := strings.Repeat("z", 100_000)
	for _, body := range []string{
		long,
		`"` + long,
		`"\u` + long + `"`,
		`{"` + long + `":` + long,
		`{"` + long + `":{"` + long + `":!}}`,
		`{"` + long + `":1}`,
		`{"tenant":"` + long + `","feature":"\u00` + long + `"}`,
		`{"tenant":"` + long + `","feature":["` + long + `"],"tokens":"` + long + `","timestamp":"` + long + `"}`,
		shortestEvent + long,
	} {
		for _, contentType := range []string{jsonType, ndjsonType, "application/" + long} {
			_, problem := decodeEvents(contentType, []byte(body), arrival, nil)
			if problem == nil {
				t.Errorf("%.40q is accepted", body)
				continue
			}
			for _, text := range append(errorLines(problem), problem.Detail) {
				if n := strings.Count(text, "z"); n > 64+8 { // a z or two are the message's own
					t.Errorf("%.40q: an error repeats %d characters", body, n)
				}
			}
			encoded, err := json.Marshal(problem)
			if err != nil || !utf8.Valid(encoded) {
				t.Errorf("%.40q: %v", body, err)
			}
		}
	}
}
