package native

import (
	"fmt"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
)

// fail records what is wrong with a field of the current event, or with the whole of
// it if field is empty.
func (d *eventDecoder) fail(field, detail string) {
	if d.index == nil {
		index := d.items - 1
		d.index = &index
		d.bad++
	}
	d.faults.List(problem.FieldError{Index: d.index, Field: field, Detail: detail})
}

// problem is why the body is refused, nil if it is not. err is what ended the reading.
func (d *eventDecoder) problem(err error) *problem.Problem {
	var p *problem.Problem
	switch {
	case err == errTooMany:
		p = problem.TooManyEvents()
		p.Events = d.items
		return p
	case err != nil:
		p = problem.InvalidJSON(err.Error())
	case d.bad > 0:
		p = problem.InvalidEvent(fmt.Sprintf("%d of %d events are invalid; none was counted", d.bad, d.items))
	case d.items == 0:
		p = problem.InvalidEvent("the body holds no event")
	default:
		return nil
	}
	p.Errors, p.ErrorCount, p.Events = d.faults.Errors, d.faults.ErrorCount, d.items
	return p
}
