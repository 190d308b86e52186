package importer

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxRow is the longest row, in bytes. Without it an unclosed quote would make the rest
// of the file one row, and memory grow with it.
const maxRow = 1 << 20

// row is a record that can be an event.
type row struct {
	line   int // of the record's first character, from 1
	id     string
	tokens int64
	at     time.Time
}

// badRow is a record that cannot be an event.
type badRow struct {
	line   int
	err    error
	unread int // lines that an open quote has swallowed
}

func (b *badRow) Error() string { return fmt.Sprintf("line %d: %s", b.line, b.err) }
func (b *badRow) Unwrap() error { return b.err }

// skippedRow is a record that is no event.
type skippedRow struct {
	line int
	why  string
}

func (s *skippedRow) Error() string { return fmt.Sprintf("line %d: %s", s.line, s.why) }

// rows reads records one by one.
type rows struct {
	csv    *csv.Reader
	in     *limited
	cols   columns
	id     *identity
	src    *source
	plain  bool  // the text is the input, byte for byte, behind its mark
	mark   int64 // bytes of the byte order mark
	read   int64 // records so far, good or bad
	end    int   // the line that the last record ends in
	blank  span  // empty lines before the last record, which are no records; none if first > last
	blanks int64 // empty lines so far
	good   int64 // rows so far
	sum    int64 // of their tokens

	odd      int64 // rows with a cell that holds what looks like rows
	firstOdd span
	found    []string // what the input is, besides plain UTF-8 with commas
}

// newRows reads the header and finds the columns in it.
func newRows(ctx context.Context, src *source, o Options) (*rows, error) {
	text, err := readText(&limited{ctx: ctx, r: src, left: unlimited})
	if err != nil {
		return nil, err
	}
	if len(text.first) == 0 {
		return nil, errors.New("the file is empty: its first line must name the columns")
	}
	comma, name := findSeparator(text.first, o)
	in := &limited{ctx: ctx, r: text, left: maxRow}
	rs := &rows{
		csv: csv.NewReader(in), in: in, src: src,
		plain: len(text.found) == 0, mark: text.mark, found: append([]string{}, text.found...),
	}
	rs.csv.ReuseRecord = true
	rs.csv.Comma = comma
	if name != "" {
		rs.found = append(rs.found, "separated by "+name)
	}
	header, err := rs.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file has empty lines only: its first must name the columns")
	}
	if err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	if rs.cols, err = findColumns(header, o); err != nil {
		return nil, err
	}
	rs.end = rs.endOf(header)
	rs.id = newIdentity(o, rs.cols)
	return rs, nil
}

// next returns the next row, a *badRow for one to skip, io.EOF at the end, or the error
// that ends the reading.
func (rs *rows) next() (row, error) {
	rs.in.left, rs.blank = maxRow, span{1, 0}
	record, err := rs.csv.Read()
	if errors.Is(err, io.EOF) {
		return row{}, io.EOF
	}
	at, bad := rs.placed(record, err)
	if err == nil || errors.Is(err, csv.ErrFieldCount) {
		if why := rs.cols.noEvent(record, rs.sum, rs.good); why != "" {
			return row{}, &skippedRow{at.first, why}
		}
	}
	if bad != nil {
		return row{}, bad
	}
	if rs.plain && rs.csv.InputOffset()+rs.mark == rs.src.size && rs.src.unfinished() {
		return row{}, at.bad("was still being written when it was read")
	}
	tokens, when, err := rs.cols.event(record)
	if err != nil {
		return row{}, at.bad("%w", err)
	}
	rs.sum += tokens // of which nothing but a comparison hangs
	rs.good++
	if rs.holdsRows(record) {
		if rs.odd++; rs.odd == 1 {
			rs.firstOdd = at
		}
	}
	return row{line: at.first, id: rs.id.of(record, rs.read), tokens: tokens, at: when}, nil
}

// offset is about how many bytes of the input the records so far took.
func (rs *rows) offset() int64 {
	if rs.plain {
		return rs.csv.InputOffset()
	}
	return rs.src.read
}

// unlimited is the limit of a reader that ends with its context only.
const unlimited = int(^uint(0) >> 1)

var errTooLong = fmt.Errorf("row is longer than %d bytes", maxRow)

// limited ends the reading when the context does, or when a row is too long.
type limited struct {
	ctx  context.Context
	r    io.Reader
	left int // bytes until the row is too long
}

func (l *limited) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	if l.left <= 0 {
		return 0, errTooLong
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	if l.left != unlimited {
		l.left -= n
	}
	return n, err
}
