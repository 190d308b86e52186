package importer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRefusals is how many refused rows a report names; the others are counted.
const maxRefusals = 20

// Result is what became of a file's rows. Rows = Accepted + Duplicates + Refused + Skipped,
// unless the import ended early.
type Result struct {
	// Rows is the rows that were read, without the header, and empty lines among them.
	Rows     int64 `json:"rows"`
	Accepted int64 `json:"accepted"`
	// Duplicates are rows that the server had counted before: in an earlier import, or by
	// an attempt of this one whose answer was lost.
	Duplicates int64 `json:"duplicates"`
	Refused    int64 `json:"refused"`
	// Conflicts are those of the refused rows whose id the server knows with other content.
	Conflicts int64 `json:"conflicts"`
	// Tokens is the sum over the accepted and the duplicate rows.
	Tokens int64 `json:"tokens"`
	// Skipped are rows that are no events: empty ones and totals.
	Skipped int64 `json:"skipped"`
	// UnreadLines are lines that were not read as rows because a quote before them is left open.
	UnreadLines int64 `json:"unreadLines"`
	// IDPrefix is what the event ids start with, before a dash; "" if a column has them.
	IDPrefix string `json:"idPrefix"`
	// Complete says that the whole file was dealt with.
	Complete bool `json:"complete"`
	// Refusals are the first 20 refused rows that were found, by line.
	Refusals []Refusal `json:"refusals"`
	// Skips are the first 20 skipped rows.
	Skips []Refusal `json:"skips"`
	// Input is how the input was read, where that is not UTF-8 with commas: gzip, UTF-16.
	Input []string `json:"input"`
	// RepeatableUntil is until when importing the same rows again counts nothing twice; nil if
	// the server has not said how long it remembers ids.
	RepeatableUntil *time.Time `json:"repeatableUntil"`
	// Notes are warnings, and what to run next.
	Notes []string `json:"notes"`

	window window
}

// Refusal is a row that was not counted.
type Refusal struct {
	// Line is where the row starts in the file, from 1; the header is line 1.
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

func (r *Result) refuse(line int, reason string) {
	r.Refused++
	if len(r.Refusals) < maxRefusals {
		r.Refusals = append(r.Refusals, Refusal{line, reason})
	}
}

// skip notes that n lines from this one on are no events.
func (r *Result) skip(line int, why string, n int) {
	if n > 1 {
		why += fmt.Sprintf(", and so are the %s after it", grouped(int64(n-1)))
	}
	r.Skipped += int64(n)
	if len(r.Skips) < maxRefusals {
		r.Skips = append(r.Skips, Refusal{line, why})
	}
}

// report writes the result for a person or, as one JSON object, for a machine.
func (r *Result) report(w io.Writer, asJSON bool) error {
	slices.SortStableFunc(r.Refusals, func(a, b Refusal) int { return cmp.Compare(a.Line, b.Line) })
	if asJSON {
		if err := json.NewEncoder(w).Encode(r); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		return nil
	}
	var b strings.Builder
	for _, figure := range []struct {
		name string
		n    int64
	}{
		{"accepted", r.Accepted}, {"duplicate", r.Duplicates}, {"refused", r.Refused},
		{"skipped", r.Skipped}, {"tokens", r.Tokens},
	} {
		if figure.n > 0 || figure.name != "skipped" {
			fmt.Fprintf(&b, "%-10s %15s\n", figure.name, grouped(figure.n))
		}
	}
	if r.IDPrefix != "" {
		fmt.Fprintf(&b, "%-10s %s\n", "id prefix", r.IDPrefix)
	}
	if r.RepeatableUntil != nil {
		fmt.Fprintf(&b, "%-10s %s (the same rows imported again until then count once)\n",
			"until", r.RepeatableUntil.Format(time.RFC3339))
	}
	for _, refusal := range r.Refusals {
		fmt.Fprintf(&b, "line %d: %s\n", refusal.Line, refusal.Reason)
	}
	if more := r.Refused - int64(len(r.Refusals)); more > 0 {
		fmt.Fprintf(&b, "and %s more refused rows\n", grouped(more))
	}
	for _, skip := range r.Skips {
		fmt.Fprintf(&b, "line %d: skipped, it %s\n", skip.Line, skip.Reason)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// grouped writes a count of 0 or more with a comma after every three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
