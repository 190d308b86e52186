package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is a refusal by the server: an RFC 9457 problem document, or what could be
// made of an answer that is none (from a proxy, say).
type Problem struct {
	// Type names the kind of problem, such as "/problems/unknown-tenant".
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Errors says what is wrong with which event, up to 100 of ErrorCount; the server may leave it
	// empty.
	Errors     []FieldError `json:"errors"`
	ErrorCount int          `json:"errorCount"`
	// RetryAfter is how long the server asks to be left alone; 0 if it did not.
	RetryAfter time.Duration `json:"-"`
}

// FieldError is one fault of a refused batch.
type FieldError struct {
	// Index is the event's place in the batch, from 0; nil if the fault is not one event's.
	Index  *int   `json:"index"`
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Error is one line: status, title, detail and the first fault.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "server answered %d %s", p.Status, p.Title)
	if p.Detail != "" {
		fmt.Fprintf(&b, ": %s", p.Detail)
	}
	if len(p.Errors) > 0 {
		fmt.Fprintf(&b, " (%s)", p.Errors[0])
		if more := max(p.ErrorCount, len(p.Errors)) - 1; more > 0 {
			fmt.Fprintf(&b, " and %d more", more)
		}
	}
	return b.String()
}

// String is the fault as a sentence: the field and what is wrong with it.
func (e FieldError) String() string {
	return strings.TrimSpace(e.Field + " " + e.Detail)
}

// parseProblem makes a Problem of any answer but 200. The status line wins over the
// document: it is what a proxy on the way may have set.
func parseProblem(resp *http.Response, body []byte, now time.Time) *Problem {
	p := &Problem{}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "application/problem+json" {
		if err := json.Unmarshal(body, p); err != nil {
			p = &Problem{Detail: "its problem document cannot be read"}
		}
	}
	p.Status = resp.StatusCode
	if p.Title == "" {
		p.Title = http.StatusText(resp.StatusCode)
	}
	p.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), now)
	return p
}

// retryAfter reads the two forms of RFC 9110 §10.2.3: seconds or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if s, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
