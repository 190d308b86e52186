package scripts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// arrived is a line with the id of an event that arrived then.
func arrived(at time.Time) string {
	id := uuid.Must(uuid.NewV7())
	ms := at.UnixMilli()
	for i := 5; i >= 0; i-- {
		id[i] = byte(ms)
		ms >>= 8
	}
	return id.String() + "\tacme\tchat\t1\t2026-03-10 12:00:00+00\t\\N"
}

// addAt applies a group of n events that arrived then.
func (r *rig) addAt(at time.Time, n int) {
	r.Helper()
	g := r.group(Counter{Minute: now, Day: today, Tenant: "acme", Feature: "chat", Amounts: meter.Amounts{int64(n), int64(n)}})
	g.Lines = []byte(strings.TrimSuffix(strings.Repeat(arrived(at)+"\n", n), "\n"))
	r.ingest(g)
}

// store acknowledges raw batches as the flusher does, with their numbers of events.
func (r *rig) store(batches []Batch) {
	r.Helper()
	stored := make([]Stored, len(batches))
	for i, b := range batches {
		stored[i].ID = b.ID
		for _, group := range r.lines(b.ID) {
			stored[i].Events += int64(strings.Count(group, "\n") + 1)
		}
	}
	if _, err := r.Ack(r.Context(), 0, stored, nil); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) wantQueue(want Queue) {
	r.Helper()
	got, err := r.Queue(r.Context())
	if err != nil || got != want {
		r.Errorf("queue is %+v, %v\nwant     %+v", got, err, want)
	}
}

func TestQueueMovesWithWhatWaits(t *testing.T) {
	r := newRig(t)
	first := time.Date(2026, 3, 10, 12, 0, 0, int(123*time.Millisecond), time.UTC)
	second := first.Add(7 * time.Second)
	r.wantQueue(Queue{})

	r.addAt(first, 3)
	r.wantQueue(Queue{Events: 3, OpenMinutes: 1, Oldest: first})
	one := r.seal(now) // the minute stays open
	r.wantQueue(Queue{Events: 3, OpenMinutes: 1, SealedRaw: 1, Oldest: first})
	r.addAt(second, 2)
	r.wantQueue(Queue{Events: 5, OpenMinutes: 1, SealedRaw: 1, Oldest: first})
	r.store(one.Raw)
	r.wantQueue(Queue{Events: 2, OpenMinutes: 1, Oldest: second})
	two := r.seal(now + 1)
	r.wantQueue(Queue{Events: 2, SealedRaw: 1, SealedSums: 1, Oldest: second})
	r.store(two.Raw)
	r.wantQueue(Queue{SealedSums: 1})
	r.ack(nil, ids(two.Sums))
	r.wantQueue(Queue{})
}

func TestTwoFlushersCountABatchAsGoneOnce(t *testing.T) {
	r := newRig(t)
	at := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	r.addAt(at, 3)
	first := r.seal(now)
	r.addAt(at, 4)
	both := r.seal(now) // the other flusher gets the same batch and one more
	r.addAt(at, 5)
	r.store(first.Raw)
	r.wantQueue(Queue{Events: 9, OpenMinutes: 1, SealedRaw: 1, Oldest: at})
	// The other has read the first one before it went.
	_, err := r.Ack(t.Context(), 0, []Stored{{first.Raw[0].ID, 3}, {both.Raw[1].ID, 4}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.wantQueue(Queue{Events: 5, OpenMinutes: 1, Oldest: at})
}

// A Valkey that was used before has no count of what has left it, and a flusher of then may
// still work beside.
func TestQueueAfterAnUpgrade(t *testing.T) {
	r := newRig(t)
	at := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for range 3 {
		r.addAt(at, 100)
		r.ack(ids(r.seal(now).Raw), nil)
	}
	r.addAt(at, 10)
	waiting := r.seal(now)
	if err := r.client.Del(t.Context(), flushedKey(0)).Err(); err != nil {
		t.Fatal(err)
	}
	waiting = r.seal(now)
	r.addAt(at, 5)
	r.store(waiting.Raw) // 10 that are not known to have come
	r.wantQueue(Queue{OpenMinutes: 1, Oldest: at})
	waiting = r.seal(now)
	r.store(waiting.Raw) // nothing waits: it is right again
	r.addAt(at, 7)
	r.wantQueue(Queue{Events: 7, OpenMinutes: 1, Oldest: at})
}

func TestQueueOfSeveralShards(t *testing.T) {
	r := newRig(t)
	r.Valkey = New(r.client, 3)
	early := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for shard, at := range map[int]time.Time{0: early.Add(time.Second), 2: early} {
		g := r.group(chat(1))
		g.Committer, g.Lines = fmt.Sprint(shard), []byte(arrived(at))
		if _, _, err := r.Ingest(t.Context(), shard, g, window, Query{}); err != nil {
			t.Fatal(err)
		}
	}
	r.wantQueue(Queue{Events: 2, OpenMinutes: 2, Oldest: early})
}

func TestLookingAtTheQueueChangesNothing(t *testing.T) {
	r := newRig(t)
	r.addAt(time.Now(), 1)
	r.seal(now)
	before := r.dump()
	if _, err := r.Queue(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.same(before)
}

func BenchmarkQueue(b *testing.B) {
	bench := func(lines int, sealed bool) {
		b.Run(fmt.Sprintf("oldest_group_of_%d_sealed_%v", lines, sealed), func(b *testing.B) {
			r := ownRig(b)
			r.addAt(time.Now(), lines)
			for range 300 { // as after some minutes without a flusher
				r.addAt(time.Now(), 10)
			}
			if sealed {
				r.seal(now)
			}
			measure(b, r, nil, func(int) {
				if _, err := r.Queue(b.Context()); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
	bench(1, false)
	bench(9_000, false) // 0.8 MiB
	bench(9_000, true)
}
