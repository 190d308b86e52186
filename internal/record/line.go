package record

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Columns are the fields that every line has, as columns of table events, in their order.
const Columns = "id, tenant, feature, tokens, created_at, idempotency_key"

const (
	fields = 6    // of a line without a Request
	null   = `\N` // a field without a value
	// timeLayout also reads a fraction of a second. A line in dead_events may have none.
	timeLayout = "2006-01-02 15:04:05-07"
)

// ErrDamaged reports text that is not a line.
var ErrDamaged = errors.New("damaged line of an event")

// Parse reads a line of any form. The strings of the event share memory with the line unless they
// contain a backslash.
func Parse(line string) (id uuid.UUID, e meter.Event, err error) {
	field := strings.Split(line, "\t")
	switch len(field) {
	case fields:
	case LongFields:
		if _, err := parseRequest(field[fields:]); err != nil {
			return id, e, err
		}
	default:
		return id, e, fmt.Errorf("%w: it has %d fields", ErrDamaged, len(field))
	}
	if id, err = uuid.Parse(field[0]); err != nil {
		return id, e, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	e.Tenant, e.Feature = unescape(field[1]), unescape(field[2])
	tokens, err := strconv.ParseInt(field[3], 10, 64)
	if err != nil {
		return id, e, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	e.Amounts = meter.OneEvent(tokens)
	if e.At, err = time.Parse(timeLayout, field[4]); err != nil {
		return id, e, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	e.At = e.At.UTC()
	if field[5] != null {
		e.ID = unescape(field[5])
	}
	return id, e, nil
}

// Tokens is the token count of a line, 0 if it has none. It is for totals of lines that Postgres
// judges: it checks nothing else.
func Tokens(line string) int64 {
	for range 3 {
		_, line, _ = strings.Cut(line, "\t")
	}
	field, _, _ := strings.Cut(line, "\t")
	n, err := strconv.ParseInt(field, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Text is a SQL expression for the line of a row of events, or of a table like it. concat_ws leaves
// out the fields of a Request where they are null.
const Text = `concat_ws(E'\t', id, replace(tenant, '\', '\\'), replace(feature, '\', '\\'), tokens,
	to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00',
	coalesce(replace(idempotency_key, '\', '\\'), '\N'),
	replace(request_key, '\', '\\'), request_place, request_scope)`

// CopyInto is the statement that copies lines without a Request into events, or a table like it.
func CopyInto(table string) string { return "COPY " + table + " (" + Columns + ") FROM STDIN" }
