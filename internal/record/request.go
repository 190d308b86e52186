package record

import (
	"fmt"
	"strconv"
	"strings"
)

// Request says that an event came in a request with an Idempotency-Key for the whole of it.
type Request struct {
	Key   string
	Scope Scope
	Place int // of the event in the request, from 1
}

// Scope is the name space of a request's key. A key of one is not that of another.
type Scope byte

const (
	// OfTenant is a key of the tenant that the sender's credential is bound to.
	OfTenant Scope = 't'
	// OfAll is a key of the whole deployment.
	OfAll Scope = 'd'
	// OfShards is the same of a request whose tenants lay in several shards. Each shard counts its
	// part by itself, so a part tells nothing of the others.
	OfShards Scope = 's'
)

// requestColumns are the fields that a line has behind those of Columns if the event has a Request,
// as columns of events. They are null for other events.
const requestColumns = "request_key, request_place, request_scope"

// LongFields is how many fields the line of an event with a Request has.
const LongFields = fields + 3

// Form numbers the forms of lines. Who reads a form reads those before it. The flusher notes the
// one it reads in Valkey, and ingest writes no other (package scripts, Outcome.Unread).
const Form = FormRequest

const (
	// FormPlain is the line without a Request.
	FormPlain = iota
	// FormRequest is the line with one.
	FormRequest
)

// AppendRequest appends what the line of an event with a Request has behind that of Append.
func AppendRequest(b []byte, r Request) []byte {
	b = appendText(append(b, '\t'), r.Key)
	b = strconv.AppendInt(append(b, '\t'), int64(r.Place), 10)
	return append(b, '\t', byte(r.Scope))
}

// parseRequest reads the fields of a Request.
func parseRequest(field []string) (r Request, err error) {
	r.Key = unescape(field[0])
	if r.Place, err = strconv.Atoi(field[1]); err != nil {
		return r, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	switch field[2] {
	case string(OfTenant), string(OfAll), string(OfShards):
		r.Scope = Scope(field[2][0])
		return r, nil
	}
	return r, fmt.Errorf("%w: its request has no known scope", ErrDamaged)
}

// CopyLongInto is the statement that copies lines of events with a Request into events, or a
// table like it.
func CopyLongInto(table string) string {
	return "COPY " + table + " (" + Columns + ", " + requestColumns + ") FROM STDIN"
}

// Split are the lines of groups for CopyInto, and those for CopyLongInto, each joined by line
// feeds. A line of neither form is among the first, for Postgres to refuse.
func Split(groups []string) (plain, long string) {
	if !anyLong(groups) { // no line is looked at
		return strings.Join(groups, "\n"), ""
	}
	var first, second strings.Builder
	for _, group := range groups {
		for line := range strings.SplitSeq(group, "\n") {
			to := &first
			if strings.Count(line, "\t") == LongFields-1 {
				to = &second
			}
			if to.Len() > 0 {
				to.WriteByte('\n')
			}
			to.WriteString(line)
		}
	}
	return first.String(), second.String()
}

// anyLong reports whether a line of groups has a Request. It counts tabs: in a group of several
// lines damaged ones may hide another. Postgres refuses that group, and then each line is a group.
func anyLong(groups []string) bool {
	for _, group := range groups {
		if strings.Count(group, "\t") != (fields-1)*(strings.Count(group, "\n")+1) {
			return true
		}
	}
	return false
}
