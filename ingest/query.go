package ingest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// query reads the parameters behind a question mark. What a client has mistyped must not
// be taken for a wish for everything, so each parameter that is unknown, repeated or not
// understood is an error.
type query struct {
	values url.Values
	errors []FieldError
}

// parseQuery reads the parameters of r, which may have those of the given names.
func parseQuery(r *http.Request, names ...string) *query {
	if r.URL.RawQuery == "" {
		return &query{}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.refuse("", "is not encoded as name=value&name=value")
	}
	given := make([]string, 0, len(values))
	for name := range values {
		given = append(given, name)
	}
	slices.Sort(given)
	for _, name := range given {
		switch {
		case !slices.Contains(names, name):
			q.refuse(name, "is not a parameter here"+knownNames(names))
		case len(values[name]) > 1:
			q.refuse(name, "is given more than once")
		}
	}
	return q
}

func knownNames(names []string) string {
	if len(names) == 0 {
		return "; there are none"
	}
	return "; there are " + strings.Join(names, ", ")
}

func (q *query) refuse(name, detail string) {
	q.errors = append(q.errors, FieldError{Field: clip(name), Detail: detail})
}

// problem is nil if nothing was refused.
func (q *query) problem() *Problem {
	if len(q.errors) == 0 {
		return nil
	}
	return &Problem{Type: "/problems/invalid-query", Title: "Invalid query", Status: http.StatusBadRequest,
		Detail: "a parameter behind the question mark cannot be used", Errors: q.errors}
}

// text is a parameter of at most most characters, and whether it is given.
func (q *query) text(name string, most int) (string, bool) {
	text, given := q.values.Get(name), q.values.Has(name)
	if given && (!utf8.ValidString(text) || utf8.RuneCountInString(text) > most) {
		q.refuse(name, fmt.Sprintf("must be at most %d characters of UTF-8", most))
	}
	return text, given
}

// oneOf is a parameter with one of the given values, the first unless it is given.
func (q *query) oneOf(name string, values ...string) string {
	if !q.values.Has(name) {
		return values[0]
	}
	value := q.values.Get(name)
	if !slices.Contains(values, value) {
		q.refuse(name, "must be one of "+strings.Join(values, ", "))
	}
	return value
}

func (q *query) integer(name string, otherwise, from, to int) int {
	if !q.values.Has(name) {
		return otherwise
	}
	n, err := strconv.Atoi(q.values.Get(name))
	if err != nil || n < from || n > to {
		q.refuse(name, fmt.Sprintf("must be an integer from %d to %d", from, to))
	}
	return n
}

// instant is a parameter that is an RFC 3339 instant, or a date that stands for the start
// of that day in zone.
func (q *query) instant(name string, otherwise time.Time, zone *time.Location) time.Time {
	if !q.values.Has(name) {
		return otherwise
	}
	text := q.values.Get(name)
	if day, err := meter.ParseDay(text); err == nil {
		return day.Start(zone)
	}
	t, ok := meter.ParseInstant([]byte(text))
	if ok {
		return t
	}
	t, err := time.Parse(time.RFC3339, text) // takes a little more, as this always has
	if err != nil {
		q.refuse(name, "must be an instant like 2026-03-01T12:00:00Z (a + is written %2B) or a date like 2026-03-01"+asInstant(text))
		return otherwise
	}
	return t
}
