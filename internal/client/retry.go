package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	// firstPause is the longest pause before the second attempt; it doubles from there.
	firstPause = 100 * time.Millisecond
	// longestPause ends the doubling: a server that is back is noticed within it.
	longestPause = 5 * time.Second
)

// lostError is a request without a complete answer: it may or may not have had an effect.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// retryable says whether the same request may get another answer later.
func retryable(err error) bool {
	var p *Problem
	if errors.As(err, &p) {
		// Until the period ends. The previous version answers 429.
		if p.Type == "/problems/quota-exceeded" {
			return false
		}
		return p.Status == http.StatusTooManyRequests || p.Status >= 500
	}
	var lost *lostError
	return errors.As(err, &lost)
}

// pause is how long to wait after the given attempt, counted from 0, failed with err.
func (c *Client) pause(attempt int, err error) time.Duration {
	limit := longestPause
	if attempt < 6 { // 100 ms · 2⁶ is beyond the longest pause
		limit = firstPause << attempt
	}
	jitter := c.Jitter
	if jitter == nil {
		jitter = func(limit time.Duration) time.Duration { return rand.N(limit + 1) }
	}
	wait := jitter(min(limit, longestPause))
	var p *Problem
	if errors.As(err, &p) {
		wait += p.RetryAfter
	}
	return wait
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
