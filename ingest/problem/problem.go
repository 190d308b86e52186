// Package problem holds every RFC 9457 problem that the API answers, once, and the one function that
// writes them.
//
// A handler returns an error. Of turns it into a problem: the errors of packages commit, auth and
// store have one each, and an error that no client can mend is 500. Everything else is made by a
// function of this package where it is found out.
package problem

import (
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
)

// Problem is the answer to a request that was refused: an RFC 9457 problem detail. It is an error,
// so that handlers can return it. Problems are not changed once they are returned: several requests
// may share one.
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
	// RequestID is the id of the request, by which it is found in the log. Write sets it.
	RequestID string `json:"requestId,omitempty"`
	// RetryAfter is how long the client should wait before it tries again; it is
	// sent as a header, in whole seconds rounded up, unless it is 0.
	RetryAfter time.Duration `json:"-"`
	// Events are how many were read before the problem was found.
	Events int `json:"-"`
	// rates become RateLimit headers.
	rates []commit.RateStatus
	// cause is for the log.
	cause error
}

// New returns a problem of the type /problems/kind.
func New(status int, kind, title, detail string) *Problem {
	return &Problem{Type: "/problems/" + kind, Title: title, Status: status, Detail: detail}
}

// Because has Write log why, unless the client has gone away. Clients are not told.
func (p *Problem) Because(err error) *Problem {
	p.cause = err
	return p
}

// Unwrap returns the error that Because was called with.
func (p *Problem) Unwrap() error { return p.cause }

// maxErrors is how many errors a problem lists. Each may be caused by three bytes of a body, which
// gzip makes one bit: 1.7 kB of it were answered with 11 MB. Who has that many mends the first
// hundred and asks again.
const maxErrors = 100

// List adds an error, or only counts it if there are maxErrors already.
func (p *Problem) List(e FieldError) {
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
