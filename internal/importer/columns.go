package importer

import (
	"bytes"
	"encoding/csv"
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
	id     int // -1 if no column has the ids
	zone   *time.Location
	local  *bool // set once a time needed the zone
}

// separators are what fields may be separated by, as a person calls it. The first one needs
// no mention.
var separators = []struct {
	comma rune
	name  string
}{{',', ""}, {';', "semicolons"}, {'\t', "tabs"}, {'|', "bars"}}

// findSeparator is the one with which a header has all columns of the options, or else the
// most columns. name says which it is, "" for a comma.
func findSeparator(first []byte, o Options) (comma rune, name string) {
	most := 0
	for _, s := range separators {
		r := csv.NewReader(bytes.NewReader(first))
		r.Comma = s.comma
		header, err := r.Read()
		if err != nil {
			continue
		}
		if _, err := findColumns(header, o); err == nil {
			return s.comma, s.name
		}
		if len(header) > most {
			most, comma, name = len(header), s.comma, s.name
		}
	}
	if comma == 0 {
		comma = ','
	}
	return comma, name
}

// findColumns looks the columns of the options up in the header. Tokens is one name or several
// joined by "+"; a column whose own name has a "+" is found by its whole name.
func findColumns(header []string, o Options) (columns, error) {
	c := columns{
		header: make([]string, len(header)), time: -1, id: -1, zone: o.location, local: new(bool),
	}
	for i, name := range header {
		c.header[i] = strings.TrimSpace(name)
	}
	names := []string{strings.TrimSpace(o.Tokens)}
	if !slices.Contains(c.header, names[0]) {
		names = strings.Split(o.Tokens, "+")
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
	for _, one := range []struct {
		name  string
		place *int
	}{{o.Timestamp, &c.time}, {o.ID, &c.id}} {
		if one.name == "" {
			continue
		}
		i, err := c.find(one.name)
		if err != nil {
			return c, err
		}
		*one.place = i
	}
	return c, nil
}

func (c columns) find(name string) (int, error) {
	name = strings.TrimSpace(name)
	i := slices.Index(c.header, name)
	if i < 0 {
		return 0, fmt.Errorf("no column %q; the file has %s", name, listed(c.header))
	}
	if slices.Contains(c.header[i+1:], name) {
		return 0, fmt.Errorf("more than one column is called %q", name)
	}
	return i, nil
}

// maxListed is how many columns an error names: a file that is not what it seems has
// thousands.
const maxListed = 30

// listed are names for a message, each cut to a length that fits a line.
func listed(names []string) string {
	more := ""
	if n := len(names) - maxListed; n > 0 {
		names, more = names[:maxListed], fmt.Sprintf(" and %d more", n)
	}
	q := make([]string, len(names))
	for i, name := range names {
		q[i] = shown(name)
	}
	return strings.Join(q, ", ") + more
}

// event reads the token count and the time out of a record; the time is zero if no
// column was named for it.
func (c columns) event(record []string) (tokens int64, at time.Time, err error) {
	if tokens, err = c.count(record); err != nil {
		return 0, at, err
	}
	if c.time >= 0 {
		var local bool
		if at, local, err = parseTime(record[c.time], c.zone); err != nil {
			return 0, at, fmt.Errorf("%s %w", c.header[c.time], err)
		}
		*c.local = *c.local || local
	}
	if c.id >= 0 {
		if why := meter.CheckName(strings.TrimSpace(record[c.id])); why != "" {
			return 0, at, fmt.Errorf("%s %s", c.header[c.id], why)
		}
	}
	return tokens, at, nil
}

// count adds the token columns of a record up.
func (c columns) count(record []string) (tokens int64, err error) {
	for _, i := range c.tokens {
		n, err := strconv.ParseUint(strings.TrimSpace(record[i]), 10, 63)
		if err != nil {
			return 0, fmt.Errorf("%s must be an integer from 0, not %s",
				c.header[i], shown(record[i]))
		}
		// Each part is held to the limit of the sum, so that the sum cannot overflow.
		if n > meter.MaxTokens {
			return 0, fmt.Errorf("%s must be at most %d", c.header[i], int64(meter.MaxTokens))
		}
		if tokens += int64(n); tokens > meter.MaxTokens {
			return 0, fmt.Errorf("tokens must be at most %d", int64(meter.MaxTokens))
		}
	}
	return tokens, nil
}

// shown quotes a field for a message, cut to a length that fits a line.
func shown(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return strconv.Quote(s)
}
