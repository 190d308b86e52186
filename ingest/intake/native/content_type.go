package native

import (
	"mime"
	"strings"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
)

// framing is how the events of a body are separated.
type framing int

const (
	oneDocument  framing = iota // one JSON value: an event or an array of events
	eventPerLine                // NDJSON: one event a line
)

const acceptedTypes = "send application/json for one event or an array of events, or " +
	"application/x-ndjson, application/ndjson or application/jsonl for one event a line, in UTF-8"

// framingOf reads a Content-Type header. JSON is UTF-8 (RFC 8259 §8.1), so the only
// parameter that says nothing else is charset=utf-8.
func framingOf(contentType string) (framing, *problem.Problem) {
	if contentType == "application/json" { // as nearly every client sends it
		return oneDocument, nil
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			mediaType = ""
		}
	}
	if err == nil {
		switch mediaType {
		case "application/json":
			return oneDocument, nil
		case "application/x-ndjson", "application/ndjson", "application/jsonl":
			return eventPerLine, nil
		}
	}
	return 0, problem.ContentType(contentType, acceptedTypes)
}
