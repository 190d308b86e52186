package native

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// arrival is when the bodies of these tests arrive.
var arrival = time.Date(2026, 8, 1, 12, 0, 0, 123_456_789, time.UTC)

const (
	jsonType   = "application/json"
	ndjsonType = "application/x-ndjson"
)

func event(tenant, feature string, tokens int64) meter.Event {
	return meter.Event{Tenant: tenant, Feature: feature, Amounts: meter.OneEvent(tokens)}
}

func TestDecodeAccepts(t *testing.T) {
	const good = `{"tenant":"acme","feature":"chat","tokens":7}`
	acme := event("acme", "chat", 7)
	at := func(text string) meter.Event {
		e := acme
		e.At, _ = time.Parse(time.RFC3339, text)
		e.At = e.At.UTC()
		return e
	}
	for _, c := range []struct {
		name, contentType, body string
		want                    []meter.Event
	}{
		{"one event", jsonType, good, []meter.Event{acme}},
		{"an array of one", jsonType, "[" + good + "]", []meter.Event{acme}},
		{"the order is kept", jsonType, `[{"tenant":"a","feature":"x","tokens":1},{"tenant":"b","feature":"y","tokens":2}]`,
			[]meter.Event{event("a", "x", 1), event("b", "y", 2)}},
		{"white space", jsonType, " \r\n\t[ " + good + " ,\n" + good + " ] \n", []meter.Event{acme, acme}},
		{"keys in any order", jsonType, `{"tokens":7,"feature":"chat","tenant":"acme"}`, []meter.Event{acme}},
		{"an escaped key is that key", jsonType, `{"\u0074enant":"acme","feature":"chat","tokens":7}`, []meter.Event{acme}},
		{"all fields", jsonType, `{"tenant":"acme","feature":"chat","tokens":7,"id":"req-1","timestamp":"2026-08-01T11:00:00Z"}`,
			[]meter.Event{{ID: "req-1", Tenant: "acme", Feature: "chat", Amounts: meter.OneEvent(7), At: arrival.Truncate(time.Hour).Add(-time.Hour)}}},
		{"no tokens", jsonType, `{"tenant":"acme","feature":"chat","tokens":0}`, []meter.Event{event("acme", "chat", 0)}},
		{"most tokens", jsonType, `{"tenant":"acme","feature":"chat","tokens":1000000000000}`,
			[]meter.Event{event("acme", "chat", meter.MaxTokens)}},
		{"128 characters", jsonType, `{"tenant":"` + strings.Repeat("🦉", 128) + `","feature":"chat","tokens":7}`,
			[]meter.Event{event(strings.Repeat("🦉", 128), "chat", 7)}},
		{"128 escaped characters", jsonType, `{"tenant":"` + strings.Repeat(`\ud83e\udd89`, 128) + `","feature":"chat","tokens":7}`,
			[]meter.Event{event(strings.Repeat("🦉", 128), "chat", 7)}},
		{"escapes", jsonType, `{"tenant":"a\/\"\\\u00e9","feature":"{[,:","tokens":7}`, []meter.Event{event(`a/"\é`, "{[,:", 7)}},

		{"a timestamp in lower case", jsonType, `{"tenant":"acme","feature":"chat","tokens":7,"timestamp":"2026-08-01t11:00:00z"}`,
			[]meter.Event{at("2026-08-01T11:00:00Z")}},
		{"a leap second", jsonType, `{"tenant":"acme","feature":"chat","tokens":7,"timestamp":"2026-07-31T23:59:60Z"}`,
			[]meter.Event{at("2026-07-31T23:59:59.999999Z")}},
		{"a timestamp becomes UTC", jsonType, `{"tenant":"acme","feature":"chat","tokens":7,"timestamp":"2026-08-01T13:30:00+05:45"}`,
			[]meter.Event{at("2026-08-01T07:45:00Z")}},
		{"a timestamp is cut to microseconds", jsonType, `{"tenant":"acme","feature":"chat","tokens":7,"timestamp":"2026-08-01T11:00:00.9999999999Z"}`,
			[]meter.Event{at("2026-08-01T11:00:00.999999Z")}},
		{"a timestamp of almost 35 days ago", jsonType, `{"tenant":"acme","feature":"chat","tokens":7,"timestamp":"2026-06-27T12:00:00.123457Z"}`,
			[]meter.Event{at("2026-06-27T12:00:00.123457Z")}},
		{"a timestamp 5 minutes ahead", jsonType, `{"tenant":"acme","feature":"chat","tokens":7,"timestamp":"2026-08-01T12:05:00Z"}`,
			[]meter.Event{at("2026-08-01T12:05:00Z")}},

		{"a line", ndjsonType, good, []meter.Event{acme}},
		{"lines", ndjsonType, good + "\n" + good + "\n", []meter.Event{acme, acme}},
		{"lines of Windows", ndjsonType, good + "\r\n" + good, []meter.Event{acme, acme}},
		{"blank lines", ndjsonType, "\n \t\n" + good + "\n\r\n\n" + good + "\n\n", []meter.Event{acme, acme}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, problem := decodeEvents(c.contentType, []byte(c.body), arrival, nil)
			if problem != nil {
				t.Fatalf("refused: %+v", problem)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestDecodeWithoutTimestampLeavesTheZeroTime(t *testing.T) {
	got, problem := decodeEvents(jsonType, []byte(shortestEvent), arrival, nil)
	if problem != nil || !got[0].At.IsZero() {
		t.Errorf("got %v, %v", got, problem)
	}
}

func TestDecodedEventsShareNoMemoryWithTheBody(t *testing.T) {
	const text = `[{"tenant":"acme","feature":"chat","tokens":7,"id":"req-1"},{"tenant":"\u0061cme","feature":"ch\u0061t","tokens":7,"id":"r\u0065q-1"}]`
	body := []byte(text)
	got, problem := decodeEvents(jsonType, body, arrival, nil)
	if problem != nil {
		t.Fatal(problem)
	}
	for i := range body {
		body[i] = 'X'
	}
	want := meter.Event{ID: "req-1", Tenant: "acme", Feature: "chat", Amounts: meter.OneEvent(7)}
	if !slices.Equal(got, []meter.Event{want, want}) {
		t.Errorf("the events changed with the body: %+v", got)
	}
}

func TestDecodeTakesExactlyTheLimitOfEvents(t *testing.T) {
	for _, c := range []struct{ contentType, first, between, last string }{
		{jsonType, "[", ",", "]"},
		{ndjsonType, "", "\n", "\n"},
	} {
		body := func(n int) []byte {
			return []byte(c.first + strings.Repeat(shortestEvent+c.between, n-1) + shortestEvent + c.last)
		}
		events, problem := decodeEvents(c.contentType, body(10_000), arrival, nil)
		if problem != nil || len(events) != 10_000 {
			t.Errorf("%s: %d of 10,000 events, %v", c.contentType, len(events), problem)
		}
		events, problem = decodeEvents(c.contentType, body(10_001), arrival, nil)
		if problem == nil || problem.Status != 413 || problem.Type != "/problems/too-large" || events != nil {
			t.Errorf("%s: 10,001 events: %v, want a 413", c.contentType, problem)
		} else if !strings.Contains(problem.Detail, "10000 events") {
			t.Errorf("the limit is missing in %q", problem.Detail)
		}
	}
}

func TestTheLimitOfEventsHoldsForWhatIsNotJSON(t *testing.T) {
	body := []byte(strings.Repeat("x\n", 10_001))
	if _, problem := decodeEvents(ndjsonType, body, arrival, nil); problem == nil || problem.Status != 413 {
		t.Errorf("10,001 lines of text: %v, want a 413", problem)
	}
	body = []byte("[" + strings.Repeat(shortestEvent+",", 10_000))
	if _, problem := decodeEvents(jsonType, body, arrival, nil); problem == nil || problem.Type != "/problems/invalid-json" {
		t.Errorf("10,000 events and a comma: %v, want a 400", problem)
	}
}

func TestOneBadEventInAThousand(t *testing.T) {
	for _, c := range []struct{ contentType, first, between, last string }{
		{jsonType, "[", ",", "]"},
		{ndjsonType, "", "\n", ""},
	} {
		items := slices.Repeat([]string{shortestEvent}, 1_000)
		items[700] = `{"tenant":"a","feature":"b","tokens":-1}`
		events, problem := decodeEvents(c.contentType, []byte(c.first+strings.Join(items, c.between)+c.last), arrival, nil)
		if events != nil || problem == nil || problem.Status != 400 {
			t.Fatalf("%s: %d events, %v; want none and a 400", c.contentType, len(events), problem)
		}
		want := []string{"700 tokens must be an integer from 0 to 1000000000000"}
		if got := errorLines(problem); !slices.Equal(got, want) {
			t.Errorf("%s: errors %q, want %q", c.contentType, got, want)
		}
		if want := "1 of 1000 events are invalid; none was counted"; problem.Detail != want {
			t.Errorf("%s: detail %q, want %q", c.contentType, problem.Detail, want)
		}
	}
}

func TestNamesAreSharedWithinARequest(t *testing.T) {
	body := thousandEvents()
	decode := func() {
		if events, problem := decodeEvents(jsonType, body, arrival, nil); problem != nil || len(events) != 1_000 {
			t.Fatal(len(events), problem)
		}
	}
	// The slice of events; 23 names and a decoder if the pool has lost its own.
	if allocs := testing.AllocsPerRun(20, decode); allocs > 100 {
		t.Errorf("%v allocations for 1,000 events without ids", allocs)
	}
}

// errorLines are the errors of a problem as "index field detail", "-" for what is missing.
func errorLines(p *problem.Problem) []string {
	var lines []string
	for _, e := range p.Errors {
		index, field := "-", "-"
		if e.Index != nil {
			index = fmt.Sprint(*e.Index)
		}
		if e.Field != "" {
			field = e.Field
		}
		lines = append(lines, index+" "+field+" "+e.Detail)
	}
	return lines
}

// thousandEvents is an array of 1,000 events of 20 tenants and 3 features.
func thousandEvents() []byte {
	body := []byte("[")
	for i := range 1_000 {
		body = fmt.Appendf(body, `{"tenant":"customer-%d","feature":"gpt-4-turbo-%d","tokens":%d},`, i%20, i%3, 1+i)
	}
	body[len(body)-1] = ']'
	return body
}

func BenchmarkDecode(b *testing.B) {
	withIDs := []byte("[")
	for i := range 1_000 {
		withIDs = fmt.Appendf(withIDs, `{"tenant":"customer-%d","feature":"gpt-4-turbo-%d","tokens":%d,`+
			`"id":"0198f3c2-7a4e-7cc1-9b7e-%012d","timestamp":"2026-08-01T11:59:%02d.123Z"},`, i%20, i%3, 1+i, i, i%60)
	}
	withIDs[len(withIDs)-1] = ']'
	lines := thousandEvents()
	lines = []byte(strings.ReplaceAll(string(lines[1:len(lines)-1]), "},{", "}\n{"))

	for _, c := range []struct {
		name, contentType string
		body              []byte
	}{
		{"one", jsonType, []byte(`{"tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1500}`)},
		{"one with id and timestamp", jsonType, []byte(`{"tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1500,` +
			`"id":"0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e","timestamp":"2026-08-01T11:59:58.123Z"}`)},
		{"array of 1000", jsonType, thousandEvents()},
		{"array of 1000 with ids and timestamps", jsonType, withIDs},
		{"1000 lines", ndjsonType, lines},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				if _, problem := decodeEvents(c.contentType, c.body, arrival, nil); problem != nil {
					b.Fatal(problem)
				}
			}
		})
	}
}
