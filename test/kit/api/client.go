// Package api sends a test's requests to the HTTP API.
//
// It knows addresses, keys, headers and bodies, and nothing of what an answer means: a test says
// that. It shares no code with internal/client, which is a part of the program.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Client sends requests to one server. Its methods without a testing.TB may be called from any
// goroutine.
type Client struct {
	URL  string       // such as http://127.0.0.1:3000
	Key  string       // an API key or a token; empty: none
	HTTP *http.Client // nil: http.DefaultClient
}

// Answer is what a server has answered. Without an answer, its Status is 0; if an answer breaks
// off, an error comes with its Status.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request and reads the whole answer. A body is JSON, unless headers (names and values
// in turn) say otherwise.
func (c Client) Do(
	ctx context.Context, method, path string, body io.Reader, headers ...string,
) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, body)
	if err != nil {
		return Answer{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for ; len(headers) > 1; headers = headers[2:] {
		req.Header.Set(headers[0], headers[1])
	}
	return c.Send(req)
}

// Send sends a request with the key and reads the whole answer.
func (c Client) Send(req *http.Request) (Answer, error) {
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		err = fmt.Errorf("read the answer to %s %s: %w", req.Method, req.URL.Path, err)
	}
	return Answer{res.StatusCode, res.Header, string(text)}, err
}

// Ask sends a request. The test fails unless the server answers.
func (c Client) Ask(tb testing.TB, method, path, body string, headers ...string) Answer {
	tb.Helper()
	var from io.Reader
	if body != "" {
		from = strings.NewReader(body)
	}
	a, err := c.Do(tb.Context(), method, path, from, headers...)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// Try sends a request of JSON to a server that may be away: the status is 0 if it does not answer,
// and the answer is the error. The test fails if an answer breaks off.
func (c Client) Try(tb testing.TB, method, path, body string) (status int, answer string) {
	tb.Helper()
	a, err := c.Do(tb.Context(), method, path, strings.NewReader(body))
	switch {
	case err != nil && a.Status != 0:
		tb.Fatal(err)
	case err != nil:
		return 0, err.Error()
	}
	return a.Status, a.Body
}

// Get asks for a path. The test fails unless the server answers.
func (c Client) Get(tb testing.TB, path string) Answer {
	tb.Helper()
	return c.Ask(tb, http.MethodGet, path, "")
}

// Post sends a body to /events. The test fails unless the server answers.
func (c Client) Post(tb testing.TB, body string, headers ...string) Answer {
	tb.Helper()
	return c.Ask(tb, http.MethodPost, "/events", body, headers...)
}

// TryPost sends a body to /events; it may be called from any goroutine.
func (c Client) TryPost(ctx context.Context, body string, headers ...string) (Answer, error) {
	return c.Do(ctx, http.MethodPost, "/events", strings.NewReader(body), headers...)
}

// OK fails the test unless the answer is 200.
func (a Answer) OK(tb testing.TB) Answer {
	tb.Helper()
	if a.Status != http.StatusOK {
		tb.Fatalf("the answer is %d: %.2000s", a.Status, a.Body)
	}
	return a
}

// Read decodes the body into a value, and fails the test unless it is JSON.
func (a Answer) Read(tb testing.TB, into any) {
	tb.Helper()
	if err := json.Unmarshal([]byte(a.Body), into); err != nil {
		tb.Fatalf("%d %.400q: %v", a.Status, a.Body, err)
	}
}
