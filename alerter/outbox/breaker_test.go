package outbox

import (
	"testing"
	"time"
)

// After the pause one retry may try.
func TestTheBreakerLetsOneRetryTry(t *testing.T) {
	b := newBreakers(time.Nanosecond, newMetrics(nil).breakers)
	for range breakerTrips {
		if held := b.held(nil); len(held) > 0 {
			t.Fatalf("held %q before it has failed often enough", held)
		}
		b.begin("h")(false)
	}
	probe := b.begin("h") // half-open by now
	if held := b.held(map[string]int{"h": 1}); len(held) != 1 {
		t.Errorf("held %q while the one that may try is in flight", held)
	}
	if !probe(false) {
		t.Error("a failed try does not open it again")
	}
	b.begin("h")(true)
	if held := b.held(nil); len(held) != 0 {
		t.Errorf("held %q after an answer", held)
	}
}
