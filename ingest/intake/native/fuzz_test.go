package native

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// FuzzDecode holds that no body panics, that what is accepted is valid, and that it
// says the same when it is written down again, in either framing.
func FuzzDecode(f *testing.F) {
	f.Add(false, []byte(shortestEvent))
	f.Fuzz(func(t *testing.T, lines bool, body []byte) {
		contentType := jsonType
		if lines {
			contentType = ndjsonType
		}
		events, problem := decodeEvents(contentType, body, arrival, nil)
		if (events == nil) != (problem != nil) {
			t.Fatalf("%d events and %v", len(events), problem)
		}
		if problem != nil {
			if problem.Status < 400 || problem.Status > 499 || problem.Detail == "" {
				t.Fatalf("problem %+v", problem)
			}
			return
		}
		for _, e := range events {
			checkEvent(t, e)
		}
		array, ndjson := encodeEvents(t, events)
		for contentType, encoded := range map[string][]byte{jsonType: array, ndjsonType: ndjson} {
			again, problem := decodeEvents(contentType, encoded, arrival, nil)
			if problem != nil {
				t.Fatalf("%s refused: %v", encoded, problem)
			}
			if !slices.Equal(again, events) {
				t.Fatalf("%+v\nreads again as %+v", events, again)
			}
		}
	})
}

func checkEvent(t *testing.T, e meter.Event) {
	t.Helper()
	wrong := meter.CheckTenant(e.Tenant) + meter.CheckName(e.Feature) + meter.CheckTokens(e.Amounts[meter.Tokens])
	if e.ID != "" {
		wrong += meter.CheckName(e.ID)
	}
	if !e.At.IsZero() {
		wrong += meter.CheckTime(e.At, arrival)
		if e.At.Location() != time.UTC || e.At.Nanosecond()%1_000 != 0 {
			wrong += "is not in UTC or not cut to microseconds"
		}
	}
	if wrong != "" {
		t.Fatalf("%+v is accepted, but %s", e, wrong)
	}
}

// encodeEvents writes events as an array and as lines.
func encodeEvents(t *testing.T, events []meter.Event) (array, lines []byte) {
	t.Helper()
	type encoded struct {
		Tenant    string     `json:"tenant"`
		Feature   string     `json:"feature"`
		Tokens    int64      `json:"tokens"`
		ID        string     `json:"id,omitempty"`
		Timestamp *time.Time `json:"timestamp,omitempty"`
	}
	var all []encoded
	for _, e := range events {
		one := encoded{e.Tenant, e.Feature, e.Amounts[meter.Tokens], e.ID, nil}
		if !e.At.IsZero() {
			one.Timestamp = &e.At
		}
		line, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(append(lines, line...), '\n')
		all = append(all, one)
	}
	array, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return array, lines
}
