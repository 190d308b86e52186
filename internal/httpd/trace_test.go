package httpd

import (
	"net/http"
	"strings"
	"testing"
)

func TestTraceparent(t *testing.T) {
	const id, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	const good = "00-" + id + "-" + span + "-01"
	for _, c := range []struct {
		name string
		sent []string
		ok   bool
	}{
		{"version 0", []string{good}, true},
		{"flags that are not known", []string{good[:53] + "ff"}, true},
		{"a later version", []string{"cc" + good[2:]}, true},
		{"a later version that says more", []string{"cc" + good[2:] + "-what-the-future-will-be-like"}, true},
		{"none", nil, false},
		{"empty", []string{""}, false},
		{"two of them", []string{good, good}, false},
		{"version 0 that says more", []string{good + "-x"}, false},
		{"a later version without a dash behind", []string{"cc" + good[2:] + ".x"}, false},
		{"version ff", []string{"ff" + good[2:]}, false},
		{"upper case", []string{strings.ToUpper(good)}, false},
		{"no hex in the trace", []string{strings.Replace(good, "0af", "0ag", 1)}, false},
		{"no hex in the span", []string{strings.Replace(good, "b7ad", "b7ax", 1)}, false},
		{"no hex in the flags", []string{good[:53] + "0."}, false},
		{"no hex in the version", []string{".0" + good[2:]}, false},
		{"no trace", []string{"00-" + strings.Repeat("0", 32) + "-" + span + "-01"}, false},
		{"no span", []string{"00-" + id + "-0000000000000000-01"}, false},
		{"cut off", []string{good[:54]}, false},
		{"another separator", []string{strings.Replace(good, "-", "_", 1)}, false},
		{"a space in front", []string{" " + good}, false},
		{"endless", []string{"cc" + good[2:] + "-" + strings.Repeat("x", 1000)}, false},
	} {
		h := http.Header{}
		if c.sent != nil {
			h["Traceparent"] = c.sent
		}
		got, ok := traceOf(h)
		if ok != c.ok || ok && got != (trace{id, span}) {
			t.Errorf("%s: got %v, %v", c.name, got, ok)
		}
	}
}
