package ingest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eduardosanzb/flagmeter/internal/httpd"
)

// Problem is the answer to a request that was refused, an RFC 9457 problem detail.
// It is an error, so that it can travel up to the handler that writes it.
type Problem struct {
	// Type is a relative URI that names the kind of problem, like
	// /problems/invalid-event. Clients may dispatch on it; it never changes.
	Type string `json:"type"`
	// Title says in a few words what Type means. It is the same for every
	// occurrence.
	Title string `json:"title"`
	// Status is the HTTP status code.
	Status int `json:"status"`
	// Detail is about this occurrence. It repeats at most 64 characters of what
	// the client sent, and never a secret.
	Detail string `json:"detail,omitempty"`
	// Errors lists what is wrong with the events of the request, maxErrors of it at the most.
	Errors []FieldError `json:"errors,omitempty"`
	// ErrorCount is how much there is to list.
	ErrorCount int `json:"errorCount,omitzero"`
	// Excess is about a limit that is used up; nil for any other problem.
	*Excess
	// RequestID is the id of the request, by which it is found in the log. WriteProblem sets it.
	RequestID string `json:"requestId,omitempty"`
	// RetryAfter is how long the client should wait before it tries again; it is
	// sent as a header, in whole seconds rounded up, unless it is 0.
	RetryAfter time.Duration `json:"-"`
	// crowded says that memory was missing; pause delays the answer.
	crowded bool
	// rates become RateLimit headers.
	rates []rateStatus
	// events are how many were read before the problem was found.
	events int
}

// maxErrors is how many errors a problem lists. Each may be caused by three bytes of a body, which
// gzip makes one bit: 1.7 kB of it were answered with 11 MB. Who has that many mends the first
// hundred and asks again.
const maxErrors = 100

// list adds an error, or only counts it.
func (p *Problem) list(e FieldError) {
	if p.ErrorCount++; p.ErrorCount <= maxErrors {
		p.Errors = append(p.Errors, e)
	}
}

// FieldError is one thing that is wrong with one event.
type FieldError struct {
	// Index is the event's place in the request, from 0; nil if the error is not
	// about one event.
	Index *int `json:"index,omitzero"`
	// Field is the JSON key; empty if the event as a whole is wrong.
	Field string `json:"field,omitzero"`
	// Detail ends a sentence that begins with the field or the event.
	Detail string `json:"detail"`
}

// Error is the title and the detail of p.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

// WriteProblem answers a request with p. The answer is complete: nothing else may
// be written to w before or after.
func WriteProblem(w http.ResponseWriter, p *Problem) {
	own := *p // several requests of a group may share one
	own.RequestID = httpd.RequestID(w)
	own.ErrorCount = max(own.ErrorCount, len(own.Errors))
	own.Errors = own.Errors[:min(len(own.Errors), maxErrors)]
	// Text from the client was cleaned where it entered p. Should some slip through,
	// a problem with U+FFFD in it is better than none; nothing else can fail here.
	body, err := json.Marshal(&own, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		http.Error(w, p.Title, p.Status)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if p.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(seconds(p.RetryAfter), 10))
	}
	setRateLimits(header, p.rates)
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the client has gone away: there is nobody left to tell
}
