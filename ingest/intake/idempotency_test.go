package intake

import (
	"net/http"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

func TestIdempotencyKey(t *testing.T) {
	one, two := []meter.Event{{}}, []meter.Event{{}, {}}
	for _, test := range []struct {
		name   string
		header []string
		events []meter.Event
		id     string // of the first event afterwards
		wrong  string // part of the problem, if there is one, or the key of the request: "key a"
	}{
		{"absent", nil, one, "", ""},
		{"absent, id in the body", nil, []meter.Event{{ID: "a"}}, "a", ""},
		{"absent, many events", nil, two, "", ""},
		{"bare", []string{"8e03978e"}, one, "8e03978e", ""},
		{"quoted", []string{`"8e03978e"`}, one, "8e03978e", ""},
		{"same as in the body", []string{"a"}, []meter.Event{{ID: "a"}}, "a", ""},
		{"other than in the body", []string{"b"}, []meter.Event{{ID: "a"}}, "a", "key b"},
		{"twice", []string{"a", "a"}, one, "", "once"},
		{"many events", []string{"a"}, two, "", "key a"},
		{"many events, quoted", []string{`"a"`}, two, "", "key a"},
		{"many events, one with the same id", []string{"a"}, []meter.Event{{ID: "a"}, {}}, "a", "key a"},
		{"many events, empty", []string{`""`}, two, "", "empty"},
		{"many events, twice", []string{"a", "b"}, two, "", "once"},
		{"empty", []string{""}, one, "", "empty"},
		{"quoted and empty", []string{`""`}, one, "", "empty"},
		{"control character", []string{"a\tb"}, one, "", "control"},
		{"invalid UTF-8", []string{"a\xff"}, one, "", "UTF-8"},
		{"too long", []string{strings.Repeat("x", 129)}, one, "", "128"},
	} {
		t.Run(test.name, func(t *testing.T) {
			events := append([]meter.Event(nil), test.events...)
			key, err := takeKey(http.Header{idempotencyHeader: test.header}, events)
			want, ofRequest := strings.CutPrefix(test.wrong, "key ")
			switch {
			case ofRequest && (err != nil || key != want) || !ofRequest && key != "":
				t.Errorf("key %q, error %v", key, err)
			case ofRequest && events[0].ID != test.id:
				t.Errorf("id %q, want %q", events[0].ID, test.id)
			case ofRequest:
			case test.wrong != "":
				if err == nil || problem.Of(err).Status != http.StatusBadRequest || !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("error %v, want one that says %q", err, test.wrong)
				}
			case err != nil:
				t.Errorf("error %v", err)
			case events[0].ID != test.id:
				t.Errorf("id %q, want %q", events[0].ID, test.id)
			}
		})
	}
}
