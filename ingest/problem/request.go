package problem

import (
	"fmt"
	"net/http"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// NotFound is about a path, and says what was probably meant, unless that is empty.
func NotFound(path, meant string) *Problem {
	detail := fmt.Sprintf("there is nothing at %q", Clip(path))
	if meant != "" {
		detail += "; did you mean " + meant + "?"
	}
	return New(http.StatusNotFound, "not-found", "Not found", detail)
}

// Method is about a method that a path does not have.
func Method(method string) *Problem {
	return New(http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed",
		fmt.Sprintf("%s is not allowed here; see the Allow header", Clip(method)))
}

// Upgrade asks for a WebSocket.
func Upgrade() *Problem {
	return New(http.StatusUpgradeRequired, "upgrade-required", "Upgrade required",
		"this is a WebSocket: open it with one, or poll GET /tenants")
}

// InvalidQuery lists what is wrong with the parameters of a request.
func InvalidQuery(wrong []FieldError) *Problem {
	p := New(http.StatusBadRequest, "invalid-query", "Invalid query",
		"a parameter behind the question mark cannot be used")
	p.Errors = wrong
	return p
}

// TooLarge is about a body of more than meter.MaxBody bytes.
func TooLarge() *Problem {
	return tooLarge(fmt.Sprintf("a request body may have at most %d bytes", meter.MaxBody))
}

// TooManyEvents is about a body of more than meter.MaxEvents events.
func TooManyEvents() *Problem {
	return tooLarge(fmt.Sprintf("a request may carry at most %d events", meter.MaxEvents))
}

func tooLarge(detail string) *Problem {
	return New(http.StatusRequestEntityTooLarge, "too-large", "The request is too large", detail)
}

// IncompleteBody is about a body that breaks off.
func IncompleteBody() *Problem {
	return New(http.StatusBadRequest, "incomplete-body", "The body did not arrive whole",
		"the connection ended or the time ran out before the end of the body")
}

// InvalidEncoding is about a body that is not gzip as it says.
func InvalidEncoding() *Problem {
	return New(http.StatusBadRequest, "invalid-encoding", "The body is not what its Content-Encoding says",
		"the body is not one whole gzip stream and nothing else")
}

// ContentEncoding is about a coding other than gzip.
func ContentEncoding(coding string) *Problem {
	return unsupported("Unsupported media type", fmt.Sprintf("Content-Encoding %q is not supported: "+
		"send the body as it is, or compressed with gzip once", Clip(coding)))
}

// ContentType is about a body of events in a format that is not accepted.
func ContentType(contentType, accepted string) *Problem {
	detail := "the request has no content type; " + accepted
	if contentType != "" {
		detail = `"` + Clip(contentType) + `" is not accepted; ` + accepted
	}
	return unsupported("The content type is not supported", detail)
}

// NotJSON is about a body that does not say that it is JSON.
func NotJSON() *Problem {
	return unsupported("Unsupported media type", "Content-Type must be application/json")
}

func unsupported(title, detail string) *Problem {
	return New(http.StatusUnsupportedMediaType, "unsupported-media-type", title, detail)
}
