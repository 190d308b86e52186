package problem

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestWrite(t *testing.T) {
	index := 0
	for _, c := range []struct {
		name       string
		problem    Problem
		body       string
		retryAfter string
	}{
		{
			"the least",
			Problem{Type: "/problems/unknown-tenant", Title: "Unknown tenant", Status: 404},
			`{"type":"/problems/unknown-tenant","title":"Unknown tenant","status":404}`, "",
		},
		{
			"errors: index 0 is told from none",
			Problem{Type: "/problems/invalid-event", Title: "An event is invalid", Status: 400, Detail: "why",
				Errors: []FieldError{{Index: &index, Field: "tokens", Detail: "is missing"}, {Detail: "broken"}}},
			`{"type":"/problems/invalid-event","title":"An event is invalid","status":400,"detail":"why",` +
				`"errors":[{"index":0,"field":"tokens","detail":"is missing"},{"detail":"broken"}],"errorCount":2}`, "",
		},
		{
			"retry after a fraction of a second is retry after one",
			Problem{Type: "/problems/unavailable", Title: "Try again", Status: 503, RetryAfter: 1500 * time.Millisecond},
			`{"type":"/problems/unavailable","title":"Try again","status":503}`, "2",
		},
		{
			"invalid UTF-8 does not lose the problem",
			Problem{Type: "/problems/x", Title: "a\xffb", Status: 400},
			"{\"type\":\"/problems/x\",\"title\":\"a\uFFFDb\",\"status\":400}", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Write(w, httptest.NewRequest("GET", "/", nil), slog.New(slog.DiscardHandler), &c.problem)
			if got := w.Body.String(); got != c.body {
				t.Errorf("body %s\nwant %s", got, c.body)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Error("the body is not JSON")
			}
			if w.Code != c.problem.Status {
				t.Errorf("status %d, want %d", w.Code, c.problem.Status)
			}
			for header, want := range map[string]string{
				"Content-Type":   "application/problem+json",
				"Content-Length": strconv.Itoa(len(c.body)),
				"Retry-After":    c.retryAfter,
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
		})
	}
}

func TestProblemIsAnError(t *testing.T) {
	var err error = &Problem{Title: "Try again", Status: 503, Detail: "Valkey is away"}
	if got := err.Error(); got != "Try again: Valkey is away" {
		t.Errorf("Error() = %q", got)
	}
	if problem, ok := errors.AsType[*Problem](err); !ok || problem.Status != 503 {
		t.Errorf("got %v, %t", problem, ok)
	}
	if got := (&Problem{Title: "Try again"}).Error(); got != "Try again" {
		t.Errorf("Error() without detail = %q", got)
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"short", "short"},
		{strings.Repeat("é", 64), strings.Repeat("é", 64)},
		{strings.Repeat("é", 65), strings.Repeat("é", 63) + "…"},
		{strings.Repeat("x", 10_000), strings.Repeat("x", 63) + "…"},
		{"a\xffb", "a\uFFFDb"},
	} {
		if got := Clip(c.text); got != c.want {
			t.Errorf("Clip(%.20q, %d bytes) = %q", c.text, len(c.text), got)
		}
	}
}
