package ingest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// fail records what is wrong with a field of the current event, or with the whole of
// it if field is empty.
func (d *eventDecoder) fail(field, detail string) {
	if d.index == nil {
		index := d.items - 1
		d.index = &index
		d.bad++
	}
	d.faults.list(FieldError{Index: d.index, Field: field, Detail: detail})
}

// problem is why the body is refused, nil if it is not. err is what ended the reading.
func (d *eventDecoder) problem(err error) *Problem {
	if err == nil && d.bad == 0 && d.items > 0 {
		return nil
	}
	p := &Problem{
		Type:   "/problems/invalid-event",
		Title:  "An event is invalid",
		Status: http.StatusBadRequest,
		Errors: d.faults.Errors, ErrorCount: d.faults.ErrorCount,
		events: d.items,
	}
	switch {
	case err == errTooMany:
		return &Problem{
			Type:   "/problems/too-large",
			Title:  "The request is too large",
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("a request may carry at most %d events", meter.MaxEvents),
			events: d.items,
		}
	case err != nil:
		p.Type = "/problems/invalid-json"
		p.Title = "The body is not valid JSON"
		p.Detail = err.Error()
	case d.bad > 0:
		p.Detail = fmt.Sprintf("%d of %d events are invalid; none was counted", d.bad, d.items)
	default:
		p.Detail = "the body holds no event"
	}
	return p
}

// maxEcho is how many characters of a client's text an error repeats at most: enough
// to find the place, too little to make an error a megabyte long.
const maxEcho = 64

// clip is text cut to maxEcho characters, with U+FFFD for what is not UTF-8.
func clip(text string) string {
	n, cut := 0, 0
	for i := range text {
		switch n++; n {
		case maxEcho:
			cut = i
		case maxEcho + 1:
			return strings.ToValidUTF8(text[:cut], "\uFFFD") + "…"
		}
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
