package outbox

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestNextAttemptStaysWithinItsBounds(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		attempts int
		limit    time.Duration
	}{
		{1, 2 * time.Second},
		{2, 4 * time.Second},
		{5, 32 * time.Second},
		{11, 2048 * time.Second},
		{12, time.Hour},
		{13, time.Hour},
		{1000, time.Hour}, // a shift by 1000 would be zero
	}
	for _, tt := range tests {
		var shortest, longest time.Duration = time.Hour, 0
		for range 1000 {
			at, ok := nextAttempt(now, now.Add(giveUp), tt.attempts, 0, rand.Float64())
			if !ok {
				t.Fatalf("attempt %d: given up at once", tt.attempts)
			}
			shortest, longest = min(shortest, at.Sub(now)), max(longest, at.Sub(now))
		}
		if shortest < time.Second || longest > tt.limit {
			t.Errorf("attempt %d: waits %v to %v, want 1s to %v", tt.attempts, shortest, longest, tt.limit)
		}
		// Full jitter: of 1000 draws some are in the lowest and in the highest tenth.
		tenth := (tt.limit - time.Second) / 10
		if shortest > time.Second+tenth || longest < tt.limit-tenth {
			t.Errorf("attempt %d: waits %v to %v do not spread over 1s to %v",
				tt.attempts, shortest, longest, tt.limit)
		}
	}
}

func TestNextAttemptObeysRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	if at, ok := nextAttempt(now, now.Add(giveUp), 1, 3*time.Hour, 0.5); !ok ||
		at.Sub(now) != 3*time.Hour {
		t.Errorf("got %v, %v; want the 3 hours that were asked for", at.Sub(now), ok)
	}
	if at, _ := nextAttempt(now, now.Add(giveUp), 1, time.Millisecond, 0); at.Sub(now) < time.Second {
		t.Errorf("got %v; want at least a second", at.Sub(now))
	}
}

func TestNextAttemptGivesUpAfterADay(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	if _, ok := nextAttempt(now, now.Add(2*time.Second), 1, 0, 1); !ok {
		t.Error("given up although the next attempt is within 24 hours")
	}
	if _, ok := nextAttempt(now, now, 1, 0, 0); ok {
		t.Error("not given up although the next attempt is after 24 hours")
	}
	if _, ok := nextAttempt(now, now.Add(giveUp), 1, 25*time.Hour, 0); ok {
		t.Error("not given up although the webhook asked for 25 hours")
	}
}
