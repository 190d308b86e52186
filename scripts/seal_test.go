package scripts

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// fullGroup is a group whose lines fill a raw list, so that ingest.lua seals it.
func (r *rig) fullGroup() Group {
	g := r.group(chat(1))
	g.Lines = []byte(strings.Repeat("x", sealBytes))
	return g
}

// minutesAgo is a counter in an own minute, as events arrive in order of time.
func minutesAgo(n int64) Counter {
	c := chat(1)
	c.Minute -= n
	return c
}

func TestSealOfNothingWritesOnlyWhatTheFlusherReads(t *testing.T) {
	r := newRig(t)
	if got := r.seal(now); len(got.Raw)+len(got.Sums)+len(got.Settled) > 0 || got.More {
		t.Errorf("got %+v", got)
	}
	stacktest.SameDump(t, r.dump(), map[string]string{"fm:{0}:reads": "string: 0 1"})
}

func TestSealClosesRawLateAndTheMinutesThatAreOver(t *testing.T) {
	r := newRig(t)
	r.add(minutesAgo(0), minutesAgo(1), minutesAgo(2), lateChat(9, 1))
	sealed := r.seal(now)
	if len(sealed.Raw) != 1 || len(sealed.Sums) != 3 || sealed.More {
		t.Fatalf("got %+v, want one raw batch and three sums", sealed)
	}
	if got := r.lines(sealed.Raw[0].ID); !slices.Equal(got, []string{"line 1"}) {
		t.Errorf("raw batch: %q", got)
	}
	for i, minute := range []int64{now - 9, now - 2, now - 1} { // late first, then by time
		got := r.sum(sealed.Sums[i].ID)
		if len(got.Minutes) != 1 ||
			got.Minutes[MinuteKey{"acme", "chat", minute}] != (meter.Amounts{1, 1}) {
			t.Errorf("sum %d: %+v, want minute %d", i, got.Minutes, minute)
		}
	}
	dump := r.dump()
	if dump["fm:{0}:minutes"] != "zset: 29700000=29700000" || dump["fm:{0}:minute:29700000"] == "" {
		t.Errorf("minutes %q: the current one must stay open", dump["fm:{0}:minutes"])
	}
	for _, gone := range []string{"fm:{0}:raw", "fm:{0}:rawbytes", "fm:{0}:late",
		"fm:{0}:minute:29699999"} {
		if dump[gone] != "" {
			t.Errorf("%s is still there: %s", gone, dump[gone])
		}
	}
}

func TestSealGivesEachBatchAnIDAndANumberOfItsOwn(t *testing.T) {
	r := newRig(t)
	r.add(minutesAgo(1), minutesAgo(2), lateChat(9, 1))
	sealed := r.seal(now)
	seen := map[string]bool{}
	for i, b := range slices.Concat(sealed.Raw, sealed.Sums) {
		if _, err := uuid.Parse(b.ID); err != nil || seen[b.ID] {
			t.Errorf("batch %d has id %q", i, b.ID)
		}
		seen[b.ID] = true
		if b.Number != int64(i)+1 {
			t.Errorf("batch %d has seq %d", i, b.Number)
		}
	}
}

func TestSealSealsNoNewSumWhileOneWaits(t *testing.T) {
	r := newRig(t)
	r.add(minutesAgo(1))
	first := r.seal(now)
	r.add(chat(1), minutesAgo(1), lateChat(9, 1)) // the closed minute is opened again
	second := r.seal(now + 5)
	if len(second.Raw) != 2 || second.Raw[0] != first.Raw[0] ||
		!slices.Equal(second.Sums, first.Sums) {
		t.Errorf("second seal: %+v, want what waits and the new events: %+v", second, first)
	}
	if !second.More {
		t.Error("two minutes are over and More is false")
	}

	r.ack(ids(first.Raw), nil)
	third := r.seal(now + 5)
	if !slices.Equal(third.Raw, second.Raw[1:]) {
		t.Errorf("raw after its ack: %+v, want %+v", third.Raw, second.Raw[1:])
	}
	if !slices.Equal(third.Sums, first.Sums) {
		t.Errorf("sums: %+v, want what waits: %+v", third.Sums, first.Sums)
	}

	r.ack(nil, ids(first.Sums))
	fourth := r.seal(now + 5)
	if len(fourth.Sums) != 3 || fourth.More { // late, the minute again, the current minute
		t.Errorf("sums after their ack: %+v, want three new ones", fourth)
	}
}

func TestSealHandsOutWhatWaitsOldestFirst(t *testing.T) {
	r := newRig(t)
	for range 5 {
		r.ingest(r.fullGroup())
	}
	for _, step := range []struct {
		want []int64
		ack  bool
		more bool
	}{
		{[]int64{1, 2}, false, true},
		{[]int64{1, 2}, true, true}, // again, because nobody has acknowledged them
		{[]int64{3, 4}, true, true},
		{[]int64{5}, true, false},
	} {
		got, err := r.Seal(t.Context(), 0, now, 2)
		if err != nil {
			t.Fatal(err)
		}
		var seqs []int64
		for _, b := range got.Raw {
			seqs = append(seqs, b.Number)
		}
		if !slices.Equal(seqs, step.want) || got.More != step.more {
			t.Errorf("handed out %v, more %t; want %+v", seqs, got.More, step)
		}
		if step.ack {
			r.ack(ids(got.Raw), nil)
		}
	}
}

func TestSealSaysWhetherMoreWaits(t *testing.T) {
	for _, c := range []struct {
		name    string
		minutes int64
		late    bool
		sums    int
		more    bool
	}{
		{"as many minutes as asked for", 3, false, 3, false},
		{"one minute more", 4, false, 3, true},
		{"late takes a place", 3, true, 3, true},
		{"late and the rest", 2, true, 3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			for i := range c.minutes {
				r.add(minutesAgo(1 + i))
			}
			if c.late {
				r.add(lateChat(9, 1))
			}
			got, err := r.Seal(t.Context(), 0, now, 3)
			if err != nil || len(got.Sums) != c.sums || got.More != c.more {
				t.Errorf("%d sums, more %t, %v; want %d, %t", len(got.Sums), got.More, err, c.sums, c.more)
			}
		})
	}
}

// A sum in Postgres without its events could not be made again if Valkey lost both.
func TestSealHandsOutNoSumBeforeTheEventsItCounts(t *testing.T) {
	r := newRig(t)
	for range 5 {
		r.ingest(r.fullGroup())
	}
	r.add(minutesAgo(1), lateChat(9, 1))
	for _, want := range []struct{ raw, sums int }{{2, 0}, {2, 0}, {2, 2}} {
		got, err := r.Seal(t.Context(), 0, now, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Raw) != want.raw || len(got.Sums) != want.sums || got.More != (want.sums == 0) {
			t.Errorf("handed out %+v, want %+v", got, want)
		}
		r.ack(ids(got.Raw), ids(got.Sums))
	}
}

// A hand-out of old batches must make WAITAOF cover them, which it does for what the
// same connection has written.
func TestSealWritesWheneverItHandsOut(t *testing.T) {
	r := newRig(t)
	r.add(chat(1))
	r.seal(now)
	seq := r.dump()["fm:{0}:seq"]
	r.seal(now)
	if got := r.dump()["fm:{0}:seq"]; got == seq {
		t.Errorf("seq is %s before and after", got)
	}
}

func TestSealNumbersGrowAcrossHandOuts(t *testing.T) {
	r := newRig(t)
	last := int64(0)
	for range 4 {
		r.add(chat(1))
		b := r.seal(now).Raw[0]
		r.seal(now)
		r.ack([]string{b.ID}, nil)
		if b.Number <= last {
			t.Errorf("seq %d after %d", b.Number, last)
		}
		last = b.Number
	}
}

func TestSealWithoutAnAppendOnlyFile(t *testing.T) {
	t.Parallel()
	r := ownRig(t)
	if err := r.client.ConfigSet(t.Context(), "appendonly", "no").Err(); err != nil {
		t.Fatal(err)
	}
	r.add(chat(1))
	if got := r.seal(now); len(got.Raw) != 1 {
		t.Errorf("got %+v, want a raw batch", got)
	}
}

func TestSealReportsWhatIsNotOnDisk(t *testing.T) {
	t.Parallel()
	r := ownRig(t)
	r.add(chat(1))
	// With appendfsync no, Valkey leaves it to the kernel and cannot say when.
	if err := r.client.ConfigSet(t.Context(), "appendfsync", "no").Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Seal(t.Context(), 0, now, 8); !errors.Is(err, ErrNotDurable) {
		t.Errorf("got %+v, %v; want ErrNotDurable", got, err)
	}
}
