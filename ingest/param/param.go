// Package param reads what a request asks for: the parameters of its query, the cursors of pages,
// and JSON bodies that change settings.
package param

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Query is the parameters of one request. A parameter that is unknown, repeated or not understood is
// refused: a mistyped filter must not list everything.
type Query struct {
	Values url.Values
	wrong  []problem.FieldError
}

// Parse reads the parameters of r, which may have those of the given names.
func Parse(r *http.Request, names ...string) *Query {
	if r.URL.RawQuery == "" {
		return &Query{}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &Query{Values: values}
	if err != nil {
		q.Refuse("", "is not encoded as name=value&name=value")
	}
	given := make([]string, 0, len(values))
	for name := range values {
		given = append(given, name)
	}
	slices.Sort(given)
	for _, name := range given {
		switch {
		case !slices.Contains(names, name):
			q.Refuse(name, "is not a parameter here"+knownNames(names))
		case len(values[name]) > 1:
			q.Refuse(name, "is given more than once")
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

// Refuse records what is wrong with a parameter. The detail continues a sentence that begins with
// the name.
func (q *Query) Refuse(name, detail string) {
	q.wrong = append(q.wrong, problem.FieldError{Field: problem.Clip(name), Detail: detail})
}

// Err is nil unless something was refused.
func (q *Query) Err() error {
	if len(q.wrong) == 0 {
		return nil
	}
	return problem.InvalidQuery(q.wrong)
}

// Text is a parameter of up to most characters, and whether it is given.
func (q *Query) Text(name string, most int) (string, bool) {
	text, given := q.Values.Get(name), q.Values.Has(name)
	if given && (!utf8.ValidString(text) || utf8.RuneCountInString(text) > most) {
		q.Refuse(name, fmt.Sprintf("must be at most %d characters of UTF-8", most))
	}
	return text, given
}

// OneOf is a parameter with one of the given values, the first unless it is given.
func (q *Query) OneOf(name string, values ...string) string {
	if !q.Values.Has(name) {
		return values[0]
	}
	value := q.Values.Get(name)
	if !slices.Contains(values, value) {
		q.Refuse(name, "must be one of "+strings.Join(values, ", "))
	}
	return value
}

// Integer is a parameter from from to to, or otherwise if it is not given.
func (q *Query) Integer(name string, otherwise, from, to int) int {
	if !q.Values.Has(name) {
		return otherwise
	}
	n, err := strconv.Atoi(q.Values.Get(name))
	if err != nil || n < from || n > to {
		q.Refuse(name, fmt.Sprintf("must be an integer from %d to %d", from, to))
	}
	return n
}

// Instant is a parameter that is an RFC 3339 instant, or a date that stands for the start
// of that day in zone.
func (q *Query) Instant(name string, otherwise time.Time, zone *time.Location) time.Time {
	if !q.Values.Has(name) {
		return otherwise
	}
	text := q.Values.Get(name)
	if day, err := meter.ParseDay(text); err == nil {
		return day.Start(zone)
	}
	t, ok := meter.ParseInstant([]byte(text))
	if ok {
		return t
	}
	t, err := time.Parse(time.RFC3339, text) // takes a little more, as this always has
	if err != nil {
		q.Refuse(name, "must be an instant like 2026-03-01T12:00:00Z (a + is written %2B) "+
			"or a date like 2026-03-01"+problem.AsInstant(text))
		return otherwise
	}
	return t
}

// Range is the time from from to to, by default the tenant's period until now.
func (q *Query) Range(tenant meter.Tenant, now time.Time) (from, to time.Time) {
	from = q.Instant("from", tenant.Period(now).Start, tenant.Zone)
	to = q.Instant("to", now, tenant.Zone)
	if len(q.wrong) == 0 && !from.Before(to) {
		q.Refuse("to", "must be after from; it is now unless it is given")
	}
	return from, to
}
