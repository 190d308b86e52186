// Package native reads FlagMeter's own format: strict JSON, one event, an array of events, or one
// event a line.
//
//	Decoder       decoder.go       the format, as package intake uses it
//	framingOf     content_type.go  which of the three a body is
//	eventDecoder  decode.go        reads a body in one pass
//	readEvent     event.go         one event, and every fault in it
//	field         field.go         the keys of an event
//	tokensIn …    value.go         their values
//	nameIn        name.go          tenants and features in normal form, unless they keep an old name;
//	                               names.go makes one string of a name that comes often
//	problem       problem.go       what was wrong
//	Answer        answer.go        what became of the events
package native
