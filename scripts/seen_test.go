package scripts

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Constants of seen.lua.
const (
	leastBuckets = 4096
	mostInBucket = 64
	sliceTakes   = window * 2 / 3
	sliceAsked   = window * 2
)

// e1 is an event id with the content that most tests send it for.
var e1 = EventID{"acme", "e1", "content"}

// bucket is the number of the bucket that an id belongs to.
func bucket(id EventID, buckets uint32) string {
	sum := sha256.Sum256([]byte(id.Tenant + "\x00" + id.ID))
	return fmt.Sprintf("%x", binary.BigEndian.Uint32(sum[:])%buckets)
}

// send applies a group with the ids, or has it refused.
func (r *rig) send(ids ...EventID) Outcome {
	r.Helper()
	g := r.group(chat(1))
	g.IDs = ids
	return r.try(g)
}

// fresh sends ids that must not be known, seenAs one that must be.
func (r *rig) fresh(ids ...EventID) {
	r.Helper()
	if out := r.send(ids...); len(out.Seen) > 0 {
		r.Errorf("%v is known: %+v", ids, out.Seen)
	}
}

func (r *rig) seenAs(id EventID, same bool) {
	r.Helper()
	if out := r.send(id); len(out.Seen) != 1 || out.Seen[0].Same != same {
		r.Errorf("%v: %+v, want seen with the same content: %t", id, out.Seen, same)
	}
}

// slice is an element of the list of slices.
type slice struct {
	number       int
	start        time.Time
	buckets, ids int
}

func (s slice) String() string {
	return fmt.Sprintf("%d %d %d %d", s.number, s.start.UnixMilli(), s.buckets, s.ids)
}

func (r *rig) slices() []slice {
	r.Helper()
	records, err := r.client.LRange(r.Context(), slicesKey(0), 0, -1).Result()
	if err != nil {
		r.Fatal(err)
	}
	out := make([]slice, len(records))
	for i, record := range records {
		var ms int64
		if _, err := fmt.Sscan(record, &out[i].number, &ms, &out[i].buckets, &out[i].ids); err != nil || strings.Count(record, " ") != 3 {
			r.Fatalf("slice %q: %v", record, err)
		}
		out[i].start = time.UnixMilli(ms)
	}
	return out
}

// begin makes s the newest slice.
func (r *rig) begin(s slice) {
	r.Helper()
	if err := r.client.LPush(r.Context(), slicesKey(0), s.String()).Err(); err != nil {
		r.Fatal(err)
	}
}

// pass lets time pass for the ids: their slices were begun earlier. A jump of Valkey's
// clock looks the same to the scripts.
func (r *rig) pass(d time.Duration) {
	r.Helper()
	for i, s := range r.slices() {
		s.start = s.start.Add(-d)
		if err := r.client.LSet(r.Context(), slicesKey(0), int64(i), s.String()).Err(); err != nil {
			r.Fatal(err)
		}
	}
}

func TestAnIDIsRememberedForTheWindowAndNotForTwo(t *testing.T) {
	const late = sliceTakes - time.Minute // near the end of a slice
	for _, c := range []struct {
		name  string
		at    time.Duration // from the beginning of its slice
		age   time.Duration
		known bool
	}{
		{"early in a slice, at once", 0, 0, true},
		{"early in a slice, in the next one", 0, sliceTakes + time.Minute, true},
		{"early in a slice, after the window", 0, window, true},
		{"early in a slice, short of two windows", 0, sliceAsked - time.Minute, true},
		{"early in a slice, after two windows", 0, sliceAsked, false},
		{"late in a slice, in the next one", late, 2 * time.Minute, true},
		{"late in a slice, after the window", late, window, true},
		{"late in a slice, after the window and a jump by a third of it", late, window + window/3, true},
		{"late in a slice, after two windows", late, sliceAsked, false},
	} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, busy %t", c.name, busy), func(t *testing.T) {
				r := newRig(t)
				r.fresh(EventID{"acme", "first", ""})
				r.pass(c.at)
				r.fresh(e1)
				for left := c.age; left > 0; left -= window / 10 {
					r.pass(min(left, window/10))
					if busy { // other ids begin new slices
						r.fresh(EventID{"acme", "other at " + left.String(), ""})
					}
				}
				if !c.known {
					r.fresh(e1)
					return
				}
				before := r.dump()
				r.seenAs(e1, true)
				r.seenAs(EventID{e1.Tenant, e1.ID, "other content"}, false)
				r.same(before)
			})
		}
	}
}

func TestAnIDIsKnownWhenTheClockIsPutBack(t *testing.T) {
	r := newRig(t)
	r.fresh(e1)
	r.pass(-time.Hour)
	r.seenAs(e1, true)
	r.fresh(EventID{"acme", "e2", "x"})
	r.pass(window)
	r.seenAs(e1, true)
	r.seenAs(EventID{"acme", "e2", "x"}, true)
}

// Valkey's own expiry must not come before the end of the slice's use.
func TestBucketsExpireTwoWindowsAfterTheirFirstID(t *testing.T) {
	r := newRig(t)
	r.fresh(e1)
	key := seenPrefix(0) + "1:" + bucket(e1, leastBuckets)
	ttl := func() time.Duration { return r.client.PTTL(t.Context(), key).Val() }
	if d := ttl(); d <= sliceAsked-time.Minute || d > sliceAsked {
		t.Errorf("the bucket expires in %s, want %s", d, sliceAsked)
	}
	r.client.PExpire(t.Context(), key, window)
	other := e1 // one that shares the bucket
	for i := 0; other == e1 || bucket(other, leastBuckets) != bucket(e1, leastBuckets); i++ {
		other.ID = strconv.Itoa(i)
	}
	r.fresh(other)
	if d := ttl(); d > window {
		t.Errorf("a further id has put off the bucket's end to %s", d)
	}
}

func TestSlicesFollowTimeAndRate(t *testing.T) {
	for _, c := range []struct {
		name         string
		number       int // of the slice there is, if not 0
		age          time.Duration
		buckets, ids int
		want         slice // without start
	}{
		{"the first", 0, 0, 0, 0, slice{number: 1, buckets: leastBuckets, ids: 1}},
		{"room and time left", 7, sliceTakes / 2, 5000, 100, slice{number: 7, buckets: 5000, ids: 101}},
		{"over, few ids", 7, sliceTakes, 5000, 100, slice{number: 8, buckets: leastBuckets, ids: 1}},
		{"over, many ids", 7, sliceTakes, 90_000, 5_000_000, slice{number: 8, buckets: 100_000, ids: 1}},
		{"long over", 7, 100 * window, 90_000, 5_000_000, slice{number: 8, buckets: 100_000, ids: 1}},
		{"almost full", 7, sliceTakes / 2, 5000, 5000*mostInBucket - 1, slice{number: 7, buckets: 5000, ids: 5000 * mostInBucket}},
		{"full at half time", 7, sliceTakes / 2, 5000, 5000 * mostInBucket, slice{number: 8, buckets: 12_800, ids: 1}},
		{"full in a burst", 7, time.Minute, 5000, 5000 * mostInBucket, slice{number: 8, buckets: 20_000, ids: 1}},
		{"begun in the future", 7, -time.Hour, 5000, 100, slice{number: 8, buckets: leastBuckets, ids: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			began := time.Now()
			if c.number > 0 {
				r.begin(slice{c.number, began.Add(-c.age), c.buckets, c.ids})
			}
			r.fresh(e1)
			// The older the last slice, the lower the rate of its ids.
			older := c.age + time.Since(began) + 2*time.Millisecond
			least := int(float64(c.want.buckets) * float64(c.age) / float64(older))
			got := r.slices()[0]
			if d := time.Since(got.start); got.number != c.number && (d < 0 || d > time.Minute) {
				t.Errorf("the new slice begins %s ago", d)
			}
			if least <= got.buckets && got.buckets <= c.want.buckets {
				got.buckets = c.want.buckets
			}
			got.start = time.Time{}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestASliceThatIsOverLeavesTheList(t *testing.T) {
	r := newRig(t)
	for i := range 10 {
		r.fresh(EventID{"acme", fmt.Sprint(i), ""})
		r.pass(sliceTakes)
	}
	if n := len(r.slices()); n != 3 {
		t.Errorf("%d slices, want 3: %v", n, r.slices())
	}
}

func TestIDsThatAreAlikeAreDifferent(t *testing.T) {
	r := newRig(t)
	alike := []EventID{{"a:b", "c", "x"}, {"a", "b:c", "x"}, {"ab", "c", "x"}, {"a", "bc", "x"}, {"zed", "c", "x"}}
	long := []byte(strings.Repeat("7", 128))
	for bit := range 8 * len(long) { // all that differ from one id in one bit
		other := append([]byte(nil), long...)
		other[bit/8] ^= 1 << (bit % 8)
		alike = append(alike, EventID{"acme", string(other), "x"})
	}
	for _, id := range append(alike, EventID{"acme", string(long), "x"}) {
		r.fresh(id)
	}
	for _, id := range alike {
		r.seenAs(id, true)
	}
}

func TestOfManyCallsWithAnIDOneIsApplied(t *testing.T) {
	r := newRig(t)
	const calls = 100
	var applied, seen atomic.Int64
	var running sync.WaitGroup
	for i := range calls {
		running.Go(func() {
			g := Group{Committer: fmt.Sprint(i), Number: 1, Lines: []byte("x"), Counters: []Counter{chat(7)}, IDs: []EventID{e1}}
			out, _, err := r.Ingest(t.Context(), 0, g, window, Query{})
			switch {
			case err != nil:
				t.Error(err)
			case len(out.Seen) == 0:
				applied.Add(1)
			case out.Seen[0] == Seen{Index: 0, Same: true}:
				seen.Add(1)
			}
		})
	}
	running.Wait()
	if applied.Load() != 1 || seen.Load() != calls-1 || r.tokens("acme") != 7 {
		t.Errorf("%d applied, %d seen, %d tokens; want 1, %d, 7", applied.Load(), seen.Load(), r.tokens("acme"), calls-1)
	}
}
