package native

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// decodeEvents reads the events of a request body that arrived at now. It is all or
// nothing: either every event is valid and returned in its order, or the problem
// lists every bad field of every bad event (of an array that stops being JSON at
// some point: of the events up to there). The size of body is the caller's to limit.
//
// The body is read once, token by token. The events share no memory with it, so
// the caller may use it again at once. Names are in normal form, or in kept; nil: none is.
func decodeEvents(contentType string, body []byte, now time.Time, kept keptNames) (
	[]meter.Event, *problem.Problem,
) {
	framing, refused := framingOf(contentType)
	if refused != nil {
		return nil, refused
	}
	d := eventDecoders.Get().(*eventDecoder)
	defer d.release()
	d.now, d.kept = now, kept
	// Most bodies have one brace an event. The second bound keeps a body of nothing
	// but braces from reserving much more than it sent.
	most := min(bytes.Count(body, []byte("{")), 1+len(body)/len(shortestEvent), meter.MaxEvents)
	d.events = make([]meter.Event, 0, most)

	var err error
	if framing == eventPerLine {
		err = d.readLines(body)
	} else {
		err = d.readDocument(body)
	}
	if refused := d.problem(err); refused != nil {
		return nil, refused
	}
	return d.events, nil
}

const shortestEvent = `{"tenant":"a","feature":"b","tokens":1}`

// eventDecoder reads one body. It is pooled for the sake of the JSON decoder's state
// and the names it has seen; nothing else of a body stays in it.
type eventDecoder struct {
	json  *jsontext.Decoder
	src   bytes.Buffer // what json reads: the body, or a line of it
	base  int          // where src begins in the body
	now   time.Time
	names nameCache
	kept  keptNames
	odd   field // of the current event: names that need another look

	events []meter.Event
	items  int             // events begun, good or bad
	bad    int             // events with an error
	index  *int            // of the current event, once it has an error
	faults problem.Problem // Errors and ErrorCount alone
}

var eventDecoders = sync.Pool{New: func() any {
	return &eventDecoder{json: jsontext.NewDecoder(&bytes.Buffer{}, jsonOptions), names: nameCache{}}
}}

// jsonOptions turn off two checks of the JSON decoder that would end the reading.
// Both are made in this package instead, as errors of one field of one event.
var jsonOptions = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// release forgets the body and its events and returns d to the pool.
func (d *eventDecoder) release() {
	d.read(nil, 0)
	*d = eventDecoder{json: d.json, names: d.names}
	eventDecoders.Put(d)
}

// read lets json read src, which begins at base in the body.
func (d *eventDecoder) read(src []byte, base int) {
	d.src = *bytes.NewBuffer(src)
	d.base = base
	d.json.Reset(&d.src, jsonOptions)
}

// errTooMany stops the reading at the first event beyond meter.MaxEvents. Every other
// error of the methods below says where and why the body is not JSON.
var errTooMany = errors.New("too many events")

// readDocument reads one event or an array of events, and nothing after it.
func (d *eventDecoder) readDocument(body []byte) error {
	if len(skipBlanks(body)) == 0 {
		return nil
	}
	d.read(body, 0)
	readValue := d.readEvent
	if d.json.PeekKind() == jsontext.KindBeginArray {
		readValue = d.readArray
	}
	if err := readValue(); err != nil {
		return err
	}
	return d.readEnd("send several events as an array or as application/x-ndjson")
}

// readArray reads an array of events. An array that breaks off between two events
// is the fault of the event that is not there.
func (d *eventDecoder) readArray() error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for {
		switch kind := d.json.PeekKind(); {
		case kind == jsontext.KindEndArray:
			_, err := d.json.ReadToken()
			return err
		case kind != jsontext.KindInvalid && d.items == meter.MaxEvents:
			return errTooMany
		}
		if err := d.readEvent(); err != nil {
			return err
		}
	}
}

// readLines reads one event a line and skips blank lines. A line that is not JSON
// does not keep it from reading the others; the first such error is returned.
func (d *eventDecoder) readLines(body []byte) error {
	var malformed error
	base := 0
	for line := range bytes.Lines(body) {
		if len(skipBlanks(line)) > 0 {
			if d.items == meter.MaxEvents {
				return errTooMany
			}
			d.read(line, base)
			if err := d.readLine(); malformed == nil {
				malformed = err
			}
		}
		base += len(line)
	}
	return malformed
}

// readLine reads one event, and nothing after it.
func (d *eventDecoder) readLine() error {
	if err := d.readEvent(); err != nil {
		return err
	}
	err := d.readEnd("send one event a line")
	if err != nil {
		d.fail("", err.Error())
	}
	return err
}

// readEnd makes sure that nothing follows what was read; the hint says how it is done.
func (d *eventDecoder) readEnd(hint string) error {
	unread := d.json.UnreadBuffer()
	rest := skipBlanks(unread)
	if len(rest) == 0 {
		return nil
	}
	at := d.base + int(d.json.InputOffset()) + len(unread) - len(rest)
	return fmt.Errorf("not valid JSON at byte %d: more text after the end; %s", at, hint)
}

// notJSON says where and why the body is not JSON. It leaves out the path that the
// JSON decoder's own message carries, which repeats the client's keys at any length.
func (d *eventDecoder) notJSON(err error) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return fmt.Errorf("not valid JSON: %w", err)
	}
	reason := syntax.Err
	if errors.Is(reason, io.ErrUnexpectedEOF) {
		reason = errors.New("it ends too early")
	}
	return fmt.Errorf("not valid JSON at byte %d: %w", int64(d.base)+syntax.ByteOffset, reason)
}

// skipBlanks is text without the white space of JSON at its start.
func skipBlanks(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }
