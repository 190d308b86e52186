package record

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

var arrival = time.Date(2026, 8, 1, 12, 0, 0, 123_456_789, time.UTC)

func TestIDsAreVersion7AndSayWhen(t *testing.T) {
	ids := NewIDs()
	ids.counter.Store(math.MaxUint64 - 2) // the fourth carries over
	seen := map[uuid.UUID]bool{}
	for i := range 4000 {
		now := arrival.Add(time.Duration(i/8) * 321 * time.Microsecond)
		id := ids.Next(now)
		if id.Version() != 7 || id.Variant() != uuid.RFC4122 || seen[id] {
			t.Fatalf("%s: version %d, variant %s, known %t", id, id.Version(), id.Variant(), seen[id])
		}
		seen[id] = true
		seconds, nanos := id.Time().UnixTime()
		if got := time.Unix(seconds, nanos); !got.Equal(now.Truncate(time.Millisecond)) {
			t.Fatalf("%s is of %s, want %s", id, got, now)
		}
	}
}

func TestConcurrentIDsDiffer(t *testing.T) {
	ids := NewIDs()
	var mu sync.Mutex
	var running sync.WaitGroup
	seen := map[uuid.UUID]bool{}
	for range 8 {
		running.Go(func() {
			var own []uuid.UUID
			for range 1000 {
				own = append(own, ids.Next(arrival))
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range own {
				seen[id] = true
			}
		})
	}
	running.Wait()
	if len(seen) != 8000 {
		t.Errorf("%d ids, want 8000", len(seen))
	}
}

func TestFirstIDPrecedesAllOfItsTime(t *testing.T) {
	first, made := FirstID(arrival), NewIDs().Next(arrival)
	if !TimeOf(first).Equal(arrival.Truncate(time.Millisecond)) || first.String() > made.String() {
		t.Errorf("%s is of %s and must not be above %s", first, TimeOf(first), made)
	}
	if before := NewIDs().Next(arrival.Add(-time.Millisecond)); before.String() >= first.String() {
		t.Errorf("%s is of a millisecond before and not below %s", before, first)
	}
}
