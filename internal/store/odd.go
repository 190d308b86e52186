package store

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strconv"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// OddRow is a row, edited by hand, that a loader could not read as it is. One such row must not
// keep all others from being read: the loader goes on without it, or with what it could read.
type OddRow struct {
	Table string
	Row   string // its name or id; "" if not even that could be read
	// Reason says which column is wrong; it holds no secret.
	Reason string
	// Instead is what is in force in its place.
	Instead string
}

// LogOdd logs an ERROR for each row.
func LogOdd(log *slog.Logger, odd []OddRow) {
	for _, r := range odd {
		log.Error("a row cannot be read: correct it, see 'flagmeter doctor'",
			"table", r.Table, "row", r.Row, "reason", r.Reason, "instead", r.Instead)
	}
}

// eachRow reads the rows of a query one by one, so that one that does not fit T costs only
// itself: it is handed to odd, with its first column and why. The error is one of the query.
func eachRow[T any](ctx context.Context, q sqlx.QueryerContext, use func(T), odd func(row string,
	err error), query string, args ...any) error {
	rows, err := q.QueryxContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var one T
		if err := rows.StructScan(&one); err != nil {
			odd(firstColumn(rows), err)
			continue
		}
		use(one)
	}
	return rows.Err()
}

// firstColumn is the first column of the present row as text, "" if it has no text.
func firstColumn(rows *sqlx.Rows) string {
	columns, err := rows.SliceScan()
	if err != nil || len(columns) == 0 {
		return ""
	}
	switch first := columns[0].(type) {
	case string:
		return first
	case []byte:
		return string(first)
	}
	return ""
}

// percents are thresholds as they are stored. Scan takes what it can and never fails.
type percents struct {
	all []int
	odd bool // something was left out
}

var (
	plainArray = regexp.MustCompile(`^\{(\d+(,\d+)*)?\}$`)
	integer    = regexp.MustCompile(`\d+`)
)

// Scan reads an array of integers: of NULL elements and arrays of arrays, the integers in them.
func (p *percents) Scan(src any) error {
	text, _ := src.([]byte)
	p.all = []int{} // not nil, which is null as JSON, and NULL as a parameter
	p.odd = !plainArray.Match(text)
	if _, after, bounds := bytes.Cut(text, []byte("=")); bounds { // like [0:1]={80,90}
		text = after
	}
	for _, digits := range integer.FindAll(text, -1) {
		n, err := strconv.Atoi(string(digits))
		if err != nil || n < 1 || n > meter.MaxThreshold {
			p.odd = true
			continue
		}
		p.all = append(p.all, n)
	}
	slices.Sort(p.all)
	p.all = slices.Compact(p.all)
	return nil
}
