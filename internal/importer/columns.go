package importer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// columns are the places of the fields that matter in a record.
type columns struct {
	header []string
	tokens []int
	time   int // -1 if events carry no timestamp
}

// findColumns looks the named columns up in the header. Tokens is one name or several
// joined by "+"; a column whose own name has a "+" is found by its whole name.
func findColumns(header []string, tokens, timestamp string) (columns, error) {
	header = slices.Clone(header)
	header[0] = strings.TrimPrefix(header[0], "\ufeff") // spreadsheets start UTF-8 files with it
	c := columns{header: header, time: -1}
	names := []string{tokens}
	if !slices.Contains(header, tokens) {
		names = strings.Split(tokens, "+")
	}
	for _, name := range names {
		i, err := c.find(name)
		if err != nil {
			return c, err
		}
		if slices.Contains(c.tokens, i) {
			return c, fmt.Errorf("column %q is named twice", name)
		}
		c.tokens = append(c.tokens, i)
	}
	if timestamp != "" {
		i, err := c.find(timestamp)
		if err != nil {
			return c, err
		}
		c.time = i
	}
	return c, nil
}

func (c columns) find(name string) (int, error) {
	i := slices.Index(c.header, name)
	if i < 0 {
		return 0, fmt.Errorf("no column %q; the file has %s", name, quoted(c.header))
	}
	if slices.Contains(c.header[i+1:], name) {
		return 0, fmt.Errorf("more than one column is called %q", name)
	}
	return i, nil
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, name := range names {
		q[i] = strconv.Quote(name)
	}
	return strings.Join(q, ", ")
}

// event reads the token count and the time out of a record; the time is zero if no
// column was named for it.
func (c columns) event(record []string) (tokens int64, at time.Time, err error) {
	for _, i := range c.tokens {
		n, err := strconv.ParseUint(strings.TrimSpace(record[i]), 10, 63)
		if err != nil {
			return 0, at, fmt.Errorf("%s must be an integer from 0, not %s", c.header[i], shown(record[i]))
		}
		// Each part is held to the limit of the sum, so that the sum cannot overflow.
		if n > meter.MaxTokens {
			return 0, at, fmt.Errorf("%s must be at most %d", c.header[i], int64(meter.MaxTokens))
		}
		if tokens += int64(n); tokens > meter.MaxTokens {
			return 0, at, fmt.Errorf("tokens must be at most %d", int64(meter.MaxTokens))
		}
	}
	if tokens == 0 {
		return 0, at, errors.New("tokens must not be 0")
	}
	if c.time >= 0 {
		if at, err = parseTime(record[c.time]); err != nil {
			return 0, at, fmt.Errorf("%s %w", c.header[c.time], err)
		}
	}
	return tokens, at, nil
}

// parseTime reads RFC 3339, or a date and time without a zone as UTC. Fractions of a
// second are cut to the microsecond, which is what the server keeps.
func parseTime(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		at, err = time.Parse(time.DateTime, s)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf(`must be RFC 3339 or "2006-01-02 15:04:05", not %s`, shown(s))
	}
	// The wire has no other years, and the zero time would mean "now".
	if at = at.UTC().Truncate(time.Microsecond); at.Year() < 1970 || at.Year() > 9999 {
		return time.Time{}, fmt.Errorf("must be in 1970 to 9999, not %s", shown(s))
	}
	return at, nil
}

// shown quotes a field for a message, cut to a length that fits a line.
func shown(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return strconv.Quote(s)
}
