package native

import (
	"cmp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// maxUnknown is how many unknown keys of one event are named. Without a limit, 4 MiB
// of them would be answered with 60 MB of errors.
const maxUnknown = 8

// readEvent reads one event. Whatever is wrong with it as an event is recorded and
// the reading goes on; the error is about text that is not JSON.
func (d *eventDecoder) readEvent() error {
	d.items++
	d.index, d.odd = nil, 0
	event, err := d.readObject()
	if err == nil && d.odd != 0 {
		d.finishNames(&event)
	}
	if err != nil {
		err = d.notJSON(err)
		d.fail("", err.Error())
		return err
	}
	d.events = append(d.events, event)
	return nil
}

// readObject reads the object of one event. The error is the JSON decoder's.
func (d *eventDecoder) readObject() (event meter.Event, err error) {
	if kind := d.json.PeekKind(); kind != jsontext.KindBeginObject {
		if err := d.json.SkipValue(); err != nil {
			return event, err
		}
		d.fail("", "must be an object, not "+kindName(kind))
		return event, nil
	}
	if _, err := d.json.ReadToken(); err != nil {
		return event, err
	}
	event.Amounts[meter.Events] = 1
	var seen, repeated, misspelt field
	unknown := 0
	for d.json.PeekKind() != jsontext.KindEndObject {
		key, err := d.json.ReadValue()
		if err != nil {
			return event, err
		}
		name := fieldNamed(key)
		switch {
		case name == fieldUnknown:
			if unknown++; unknown <= maxUnknown {
				misspelt |= d.failUnknown(key)
			} else if unknown == maxUnknown+1 {
				d.fail("", "has more unknown fields")
			}
		case seen&name != 0:
			if repeated&name == 0 {
				d.fail(keyOf(name), "must not appear twice")
			}
			repeated |= name
			name = fieldUnknown // the first value stands
		}
		seen |= name
		value, err := d.json.ReadValue()
		if err != nil {
			return event, err
		}
		if wrong := d.setField(&event, name, value); wrong != "" {
			d.fail(keyOf(name), wrong)
		}
	}
	for _, f := range fields {
		if f.required && (seen|misspelt)&f.field == 0 {
			d.fail(f.key, "is missing")
		}
	}
	_, err = d.json.ReadToken()
	return event, err
}

// setField sets one field of an event from its JSON value, or says what is wrong
// with the value. It ignores the value of fieldUnknown.
func (d *eventDecoder) setField(event *meter.Event, name field, value jsontext.Value) (wrong string) {
	switch name {
	case fieldTenant:
		event.Tenant, wrong = d.nameIn(value, name)
		wrong = cmp.Or(wrong, meter.CheckSegment(event.Tenant))
	case fieldFeature:
		event.Feature, wrong = d.nameIn(value, name)
	case fieldID:
		event.ID, wrong = idIn(value)
	case fieldTokens:
		event.Amounts[meter.Tokens], wrong = tokensIn(value)
	case fieldTimestamp:
		event.At, wrong = timeIn(value, d.now)
	}
	return wrong
}

// failUnknown records an unknown key, and returns the field that it would be in
// another case.
func (d *eventDecoder) failUnknown(key jsontext.Value) (meant field) {
	text, _ := jsontext.AppendUnquote(nil, key) // U+FFFD for what is not UTF-8
	for _, f := range fields {
		if strings.EqualFold(f.key, string(text)) {
			d.fail(problem.Clip(string(text)), `is not a known field; did you mean "`+f.key+`"?`)
			return f.field
		}
	}
	name := problem.Clip(string(text))
	if name == "" {
		name = `""`
	}
	d.fail(name, "is not a known field; known are tenant, feature, tokens, id and timestamp")
	return fieldUnknown
}
