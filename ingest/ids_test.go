package ingest

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestEventIDsAreVersion7AndSayWhen(t *testing.T) {
	ids := newEventIDs()
	ids.counter.Store(math.MaxUint64 - 2) // the fourth carries over
	seen := map[uuid.UUID]bool{}
	for i := range 4000 {
		now := arrival.Add(time.Duration(i/8) * 321 * time.Microsecond)
		id := ids.next(now)
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

func TestConcurrentEventIDsDiffer(t *testing.T) {
	ids := newEventIDs()
	var mu sync.Mutex
	seen := map[uuid.UUID]bool{}
	together(8, func(int) {
		var own []uuid.UUID
		for range 1000 {
			own = append(own, ids.next(arrival))
		}
		mu.Lock()
		defer mu.Unlock()
		for _, id := range own {
			seen[id] = true
		}
	})
	if len(seen) != 8000 {
		t.Errorf("%d ids, want 8000", len(seen))
	}
}
