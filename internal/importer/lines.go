package importer

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
)

// span are the lines of a record, from 1.
type span struct{ first, last int }

func (s span) String() string {
	if s.first == s.last {
		return fmt.Sprintf("line %d", s.first)
	}
	return fmt.Sprintf("lines %d to %d", s.first, s.last)
}

// bad is a record in these lines that cannot be an event. One of several lines is named with
// all of them: its quotes may not be where its writer thinks.
func (s span) bad(format string, args ...any) *badRow {
	err := fmt.Errorf(format, args...)
	if s.first != s.last {
		err = fmt.Errorf("%w (%s are one row, by its quotes)", err, s)
	}
	return &badRow{line: s.first, err: err}
}

// placed counts what csv.Reader has returned, and says where it is or what is wrong with it.
func (rs *rows) placed(record []string, err error) (at span, bad error) {
	parse, ok := errors.AsType[*csv.ParseError](err)
	if err != nil && !ok {
		if errors.Is(err, errTooLong) {
			return at,
				fmt.Errorf("line %d: %w: is a quote left open? Line %d and all after it were not read",
					rs.end+1, err, rs.end+1)
		}
		return at, fmt.Errorf("read row %d: %w", rs.read+1, err)
	}
	rs.read++
	switch {
	case !ok:
		at.first, _ = rs.csv.FieldPos(0)
		at.last = rs.endOf(record)
	case errors.Is(err, csv.ErrFieldCount):
		at = span{parse.StartLine, rs.endOf(record)}
		bad = at.bad("has %d fields, the header has %d", len(record), len(rs.cols.header))
	case parse.Line > parse.StartLine:
		at = span{parse.StartLine, parse.Line}
		// The fields before the open one are whole.
		opened := parse.StartLine
		if len(record) > 0 {
			opened = rs.endOf(record)
		}
		bad = &badRow{
			line: opened, unread: at.last - at.first + 1,
			err: fmt.Errorf("a quote is left open; %s were not read", at),
		}
	default:
		at = span{parse.StartLine, parse.Line}
		bad = &badRow{line: at.first, err: fmt.Errorf("is not CSV: %w", parse.Err)}
	}
	rs.blank = span{rs.end + 1, at.first - 1}
	rs.blanks += int64(at.first - 1 - rs.end)
	rs.end = at.last
	return at, bad
}

// endOf is the line in which the last field of the record that was just read ends.
func (rs *rows) endOf(record []string) int {
	last := len(record) - 1
	line, _ := rs.csv.FieldPos(last)
	return line + strings.Count(record[last], "\n")
}

// holdsRows reports whether a cell of several lines has a line that would be a row: it may
// have been swallowed between two quotes of which each is left open. A text that somebody
// has sent to a model may look like that too, so the row counts.
func (rs *rows) holdsRows(record []string) bool {
	for i, cell := range record {
		lines := strings.Split(cell, "\n")
		for n, line := range lines[:len(lines)-1] { // the last one goes on behind the quote
			r := csv.NewReader(strings.NewReader(line))
			r.Comma, r.LazyQuotes = rs.csv.Comma, true
			fields, err := r.Read()
			if n == 0 {
				fields = append(append([]string{}, record[:i]...), fields...)
			}
			if err != nil || len(fields) != len(rs.cols.header) {
				continue
			}
			if _, _, err := rs.cols.event(fields); err == nil {
				return true
			}
		}
	}
	return false
}
