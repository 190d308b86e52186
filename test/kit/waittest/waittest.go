// Package waittest waits for what other goroutines, processes and machines do.
//
// How long that takes says nothing about the program: a test runs beside others, and on machines
// that are busy or slow. So there is one patience for all, which only a test that fails uses up.
// What has to be fast is measured by a benchmark.
package waittest

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// Patience is how long a test waits for what must happen. It is longer than the minute at whose
// end rollups are written, and than store.QueryTimeout, after which a role gives up a connection on
// which nothing comes any more. It is short enough to fail well before go test gives up.
const Patience = 2 * time.Minute

// What is waited for is asked for often at first: most of it has happened after a few ms. Later a
// machine that is behind must not be kept from its work by questions.
const (
	firstPause   = 2 * time.Millisecond
	longestPause = 50 * time.Millisecond
)

// Until returns when ok does, and fails the test after Patience.
func Until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	if err := Wait(tb.Context(), Patience, what, ok); err != nil {
		tb.Fatal(err)
	}
}

// Succeeds returns when try has returned nil, and fails the test with its last error after
// Patience.
func Succeeds(tb testing.TB, what string, try func() error) {
	tb.Helper()
	var last error
	tried := func() bool { last = try(); return last == nil }
	if err := Wait(tb.Context(), Patience, what, tried); err != nil {
		tb.Fatalf("%v: %v", err, last)
	}
}

// Receive returns the next value of a channel, which may be closed, and fails the test after
// Patience.
func Receive[T any](tb testing.TB, what string, from <-chan T) (value T) {
	tb.Helper()
	select {
	case value = <-from:
	case <-time.After(Patience):
		tb.Fatalf("not after %s: %s", Patience, what)
	}
	return value
}

// Wait returns nil when ok is true, or an error after limit or the end of ctx. It may be called
// from any goroutine.
func Wait(ctx context.Context, limit time.Duration, what string, ok func() bool) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for pause := firstPause; !ok(); pause = min(2*pause, longestPause) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not after %s: %s: %w", time.Since(began).Round(time.Millisecond), what,
				ctx.Err())
		case <-time.After(pause):
		}
	}
	return nil
}
