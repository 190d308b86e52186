package httpd

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestRequestIDs(t *testing.T) {
	made := regexp.MustCompile(`^[0-9a-f]{16}$`)
	longest := strings.Repeat("x", maxRequestID)
	known := map[string]bool{}
	for _, c := range []struct {
		name string
		sent []string
		kept bool
	}{
		{"none", nil, false},
		{"a UUID", []string{"0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e"}, true},
		{"all signs", []string{"aZ09-_.:/+=@~"}, true},
		{"the longest", []string{longest}, true},
		{"one too long", []string{longest + "x"}, false},
		{"empty", []string{""}, false},
		{"two of them", []string{"one", "two"}, false},
		{"a space", []string{"a b"}, false},
		{"a quote", []string{`a"b`}, false},
		{"a brace", []string{"{jndi}"}, false},
		{"a control character", []string{"a\x1b[31m"}, false},
		{"not ASCII", []string{"ü"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var inside string
			handler := NewObserver(quiet, newRegistry()).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				inside = RequestID(w)
			}))
			r := httptest.NewRequest("GET", "/", nil)
			if c.sent != nil {
				r.Header[headerRequestID] = c.sent
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			got := w.Header().Get(headerRequestID)
			if got != inside {
				t.Errorf("the answer has %q, the handler was told %q", got, inside)
			}
			if c.kept {
				if got != c.sent[0] {
					t.Errorf("got %q, want the one that was sent", got)
				}
				return
			}
			if !made.MatchString(got) || known[got] {
				t.Errorf("got %q, want a new one", got)
			}
			known[got] = true
		})
	}
}
