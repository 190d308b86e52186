package native

import (
	"strings"
	"testing"
)

func TestContentTypesAccepted(t *testing.T) {
	for contentType, want := range map[string]framing{
		"application/json":                      oneDocument,
		"application/json; charset=utf-8":       oneDocument,
		`Application/JSON ;Charset="UTF-8"`:     oneDocument,
		"application/x-ndjson":                  eventPerLine,
		"application/ndjson":                    eventPerLine,
		"application/jsonl; charset=utf-8":      eventPerLine,
		"APPLICATION/X-NDJSON;charset=Utf-8   ": eventPerLine,
	} {
		if got, problem := framingOf(contentType); problem != nil || got != want {
			t.Errorf("%q: framing %d, problem %v; want %d", contentType, got, problem, want)
		}
	}
}

func TestContentTypesRefused(t *testing.T) {
	for _, contentType := range []string{
		"",
		" ",
		"text/plain",
		"application/json5",
		"application/problem+json",
		"application/x-www-form-urlencoded",
		"application/json; charset=latin1",
		"application/json; charset=utf-16",
		"application/json; charset=utf-8; charset=latin1",
		"application/json; profile=x",
		"application/json, text/plain",
		"application/json;;;=",
		"text/" + strings.Repeat("x", 10_000),
	} {
		_, problem := decodeEvents(contentType, []byte(shortestEvent), arrival, nil)
		if problem == nil || problem.Status != 415 || problem.Type != "/problems/unsupported-media-type" {
			t.Errorf("%.40q: %v, want a 415", contentType, problem)
			continue
		}
		for _, accepted := range []string{"application/json", "application/x-ndjson", "application/ndjson", "application/jsonl"} {
			if !strings.Contains(problem.Detail, accepted) {
				t.Errorf("%.40q: %q does not name %s", contentType, problem.Detail, accepted)
			}
		}
		if len(problem.Detail) > 300 {
			t.Errorf("%.40q: a detail of %d bytes", contentType, len(problem.Detail))
		}
	}
}
