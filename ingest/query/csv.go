package query

import (
	"bytes"
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"time"
)

// table writes an answer as CSV (RFC 4180) with a line of headings, for people to save.
type table struct {
	w   *csv.Writer
	err error
}

// newTable begins the answer, whose lines go to out; file is the name to save it under, asOf the
// instant of its figures.
func newTable(w http.ResponseWriter, out io.Writer, file string, asOf time.Time, headings ...string) *table {
	header := w.Header()
	header.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	header.Set("Content-Disposition", `attachment; filename="`+file+`"`)
	header.Set("X-As-Of", asOf.UTC().Format(time.RFC3339Nano))
	t := &table{w: csv.NewWriter(out)}
	t.w.UseCRLF = true
	t.write(headings...)
	return t
}

// sendTable sends a whole table that was written to a buffer. Its length is told, so that a
// client can see whether it has all of it.
func sendTable(w http.ResponseWriter, t *table, body *bytes.Buffer) {
	_ = t.flush() // into memory
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	_, _ = w.Write(body.Bytes()) // the client has gone away
}

// write adds a line. It keeps nothing of cells and may change them.
func (t *table) write(cells ...string) {
	for i, cell := range cells {
		cells[i] = defuse(cell)
	}
	if t.err == nil {
		t.err = t.w.Write(cells)
	}
}

// flush sends what was written. The error says that the client has gone away.
func (t *table) flush() error {
	t.w.Flush()
	if t.err == nil {
		t.err = t.w.Error()
	}
	return t.err
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
