package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxReply bounds what is read of a reply, in bytes. The largest is the list of
// tenants: 10,000 of them are about 4 MB.
const maxReply = 64 << 20

// attemptTimeout bounds one attempt of the default HTTP client. The server commits
// 10,000 events in far less than a second; this only frees a call from a dead peer.
const attemptTimeout = 30 * time.Second

// Client speaks to one FlagMeter server. URL is required; the zero value of every other
// field is ready for use. It is safe for concurrent use if its fields are left alone.
type Client struct {
	// URL is where the server is, such as http://127.0.0.1:3000.
	URL string
	// Key is the API key or token it identifies itself with; "" means none.
	Key string
	// HTTP makes the requests; nil means a client that gives each attempt 30 s.
	HTTP *http.Client
	// OnRetry, if set, is called before each pause with the error and the length of the pause.
	OnRetry func(err error, wait time.Duration)
	// Now reads the clock, for a Retry-After that is a date; nil means time.Now.
	Now func() time.Time
	// Sleep waits for d or until ctx ends; nil means real time.
	Sleep func(ctx context.Context, d time.Duration) error
	// Jitter picks a pause between 0 and limit; nil means evenly at random.
	Jitter func(limit time.Duration) time.Duration
}

var defaultHTTP = &http.Client{Timeout: attemptTimeout}

// Post sends events as one batch, which the server counts as a whole or not at all.
// It tries again as the package comment says, and only if every event has an ID.
//
// The error wraps a *Problem if the server refused the last attempt, and the context's
// error if that ended first. A *Problem with a status below 500 means that this attempt
// counted nothing. After any other error the events may have been counted: sending the
// same events with the same ids again is safe.
func (c *Client) Post(ctx context.Context, events []Event) (Result, error) {
	return c.post(ctx, "", events)
}

// PostUnder is Post for a batch with a key of 1 to 128 characters that no other batch has. Events
// then need no IDs for a retry. The server knows the batch by its key for as long as it knows IDs.
func (c *Client) PostUnder(ctx context.Context, key string, events []Event) (Result, error) {
	return c.post(ctx, key, events)
}

func (c *Client) post(ctx context.Context, key string, events []Event) (Result, error) {
	var result Result
	body, err := json.Marshal(events)
	if err != nil {
		return result, fmt.Errorf("encode events: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	safe := key != "" || allHaveID(events)
	err = c.call(ctx, request{http.MethodPost, "/events", header, body, safe}, &result)
	if err != nil {
		return Result{}, fmt.Errorf("post events: %w", err)
	}
	return result, nil
}

// Tenants lists every tenant with its live usage, archived ones included. It retries like Post.
// More than 10,000 tenants come in several pages, each as of its own instant.
func (c *Client) Tenants(ctx context.Context) (Tenants, error) {
	query := url.Values{"sort": {"name"}, "archived": {"true"}, "limit": {"10000"}}
	var all Tenants
	for {
		var page struct {
			Tenants
			Next *string `json:"next"`
		}
		list := request{http.MethodGet, "/tenants?" + query.Encode(), nil, nil, true}
		if err := c.call(ctx, list, &page); err != nil {
			return Tenants{}, fmt.Errorf("list tenants: %w", err)
		}
		all.Tenants, all.AsOf = append(all.Tenants, page.Tenants.Tenants...), page.AsOf
		all.Stale = all.Stale || page.Stale
		if page.Next == nil {
			return all, nil
		}
		query.Set("cursor", *page.Next)
	}
}

func allHaveID(events []Event) bool {
	for _, e := range events {
		if e.ID == "" {
			return false
		}
	}
	return true
}

// request is what a call sends. It may be sent again if it is safe.
type request struct {
	method, path string
	header       http.Header
	body         []byte
	safe         bool
}

// call makes one request, and makes it again while that is safe and of use.
func (c *Client) call(ctx context.Context, r request, reply any) error {
	target, err := c.endpoint(r.path)
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		err := c.attempt(ctx, r, target, reply)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ended(ctx.Err(), attempt+1, err)
		}
		if !r.safe || !retryable(err) {
			return err
		}
		wait := c.pause(attempt, err)
		if c.OnRetry != nil {
			c.OnRetry(err, wait)
		}
		if slept := c.sleep(ctx, wait); slept != nil {
			return ended(slept, attempt+1, err)
		}
	}
}

// ended is the error of a call whose context ended after so many attempts.
func ended(end error, attempts int, last error) error {
	if errors.Is(last, end) {
		return last
	}
	return fmt.Errorf("%w after %d attempts, the last of which failed: %w", end, attempts, last)
}

// attempt makes one request and decodes its answer into reply.
func (c *Client) attempt(ctx context.Context, r request, target string, reply any) error {
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	maps.Copy(req.Header, r.header)
	req.Header.Set("Accept", "application/json, application/problem+json")
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	h := c.HTTP
	if h == nil {
		h = defaultHTTP
	}
	resp, err := h.Do(req)
	if err != nil {
		return &lostError{err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return &lostError{fmt.Errorf("read reply: %w", err)}
	}
	if resp.StatusCode != http.StatusOK {
		return parseProblem(resp, text, c.now())
	}
	if err := json.Unmarshal(text, reply); err != nil {
		return fmt.Errorf("decode reply: %w", err)
	}
	if result, ok := reply.(*Result); ok {
		seconds, _ := strconv.ParseUint(resp.Header.Get("X-Dedupe-Window"), 10, 31)
		result.DedupeWindow = time.Duration(seconds) * time.Second
	}
	return nil
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
