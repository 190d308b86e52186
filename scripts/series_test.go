package scripts

import (
	"errors"
	"fmt"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// TestSeriesBesideVeryManyLateCounters fills the late hash beyond what a call may read: minutes
// cannot be told then, in whichever hash the counters are; days can, and few minutes too.
func TestSeriesBesideVeryManyLateCounters(t *testing.T) {
	r := newRig(t)
	r.add(lateChat(9, 7))
	fill := func(n int) {
		pipe := r.client.Pipeline()
		for i := range n {
			pipe.HSet(t.Context(), lateKey(0), fmt.Sprintf("T\t%d\tzed\tchat-%d", now, i), 1)
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	month := SeriesQuery{Tenant: "acme", From: now - 35*24*60, To: now + 1, Minutes: true}
	tokens := func(q SeriesQuery) int64 {
		t.Helper()
		counts, err := r.Series(t.Context(), q)
		if err != nil || len(counts) != 1 {
			t.Fatalf("%+v, %v", counts, err)
		}
		return counts[0].Used[meter.Tokens]
	}
	fields := r.client.HLen(t.Context(), lateKey(0)).Val()
	fill(seriesCounters - int(fields))
	if got := tokens(month); got != 7 {
		t.Errorf("at the limit: %d tokens, want 7", got)
	}
	fill(seriesCounters) // some of them are new
	if _, err := r.Series(t.Context(), month); !errors.Is(err, ErrManyLate) {
		t.Errorf("beyond the limit: %v", err)
	}
	if got := tokens(SeriesQuery{Tenant: "acme", From: now - 60, To: now + 1, Minutes: true}); got != 7 {
		t.Errorf("an hour: %d tokens, want 7", got)
	}
	if got := tokens(SeriesQuery{Tenant: "acme", From: int64(today), To: int64(today) + 1}); got != 7 {
		t.Errorf("by day: %d tokens, want 7", got)
	}
	if got := r.tokens("acme"); got != 7 {
		t.Errorf("added up: %d tokens, want 7", got)
	}
	r.seal(now + 1)
	if _, err := r.Series(t.Context(), month); !errors.Is(err, ErrManyLate) {
		t.Errorf("when they are sealed: %v", err)
	}
}
