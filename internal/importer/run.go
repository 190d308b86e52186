package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
)

// Run imports a file and reports on stdout what became of its rows; progress goes to
// stderr. A refused row is no error: see Result.Refused. An error means that the import
// did not start or did not reach the end of the file; in the latter case the report of
// what was done is written all the same, and Run can be called again with equal options.
func Run(ctx context.Context, o Options, stdout, stderr io.Writer) (Result, error) {
	o, err := o.complete()
	if err != nil {
		return Result{}, err
	}
	src, err := openSource(o)
	if err != nil {
		return Result{}, err
	}
	defer src.Close()
	rs, err := newRows(ctx, src, o)
	if err != nil {
		return Result{}, err
	}
	result := Result{
		IDPrefix: rs.id.start(), Input: rs.found,
		Refusals: []Refusal{}, Skips: []Refusal{}, Notes: []string{},
	}
	show := newProgress(stderr, src.size, o.Now)
	result.window.began = show.last.UTC()
	if len(rs.found) > 0 {
		show.note("the input is %s", strings.Join(rs.found, ", "))
	}
	s := &sender{client: patientClient(o, show), opts: o, result: &result}
	err = s.sendAll(ctx, rs, show)
	show.done()
	result.Rows = rs.read + rs.blanks
	result.Complete = err == nil
	result.RepeatableUntil = result.window.until()
	result.Notes = append(result.Notes, result.notes(o, rs.id.byContent())...)
	result.Notes = append(result.Notes, rs.notes(o)...)
	if err != nil {
		err = fmt.Errorf("import stopped after %s rows (%s): %w",
			grouped(result.Accepted+result.Duplicates+result.Refused), result.goOn(o.Now()), err)
	}
	return result, errors.Join(err, result.report(stdout, o.JSON))
}

// sendAll reads the rows and posts them batch by batch.
func (s *sender) sendAll(ctx context.Context, rs *rows, show *progress) error {
	batch := make([]row, 0, s.opts.Batch)
	for {
		r, err := rs.next()
		if n := rs.blank.last - rs.blank.first + 1; n > 0 && !errors.Is(err, io.EOF) {
			s.result.skip(rs.blank.first, isEmpty, n)
		}
		var bad *badRow
		var skipped *skippedRow
		switch {
		case errors.As(err, &skipped):
			s.result.skip(skipped.line, skipped.why, 1)
			continue
		case errors.As(err, &bad):
			s.result.refuse(bad.line, bad.err.Error())
			s.result.UnreadLines += int64(bad.unread)
			continue
		case errors.Is(err, io.EOF):
			err := s.send(ctx, batch)
			if err == nil {
				show.reached(rs.offset(), rs.read)
			}
			return err
		case err != nil:
			return err
		}
		if batch = append(batch, r); len(batch) == s.opts.Batch {
			if err := s.send(ctx, batch); err != nil {
				return err
			}
			show.reached(rs.offset(), rs.read)
			batch = batch[:0]
		}
	}
}

// patientClient is the client of the options, made to say at most every 5 s why it waits:
// a bar that stands still does not.
func patientClient(o Options, show *progress) *client.Client {
	c := client.Client{URL: o.URL, Key: o.Key}
	if o.Client != nil {
		c = *o.Client
	}
	told := time.Time{}
	c.OnRetry = func(err error, _ time.Duration) {
		if now := o.Now(); told.IsZero() || now.Sub(told) >= lineEvery {
			told = now
			show.note("trying again for up to %s: %v", o.RetryFor, err)
		}
	}
	return &c
}
