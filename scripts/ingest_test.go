package scripts

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestIngestWritesLinesCountersAndIndexes(t *testing.T) {
	r := newRig(t)
	before := chat(3)
	before.Minute, before.Day = now-1, today-1
	g := r.group(chat(5), counter("acme", "image", 7), counter("zed", "chat", 11), before)
	g.IDs = []EventID{{"acme", "e1", "digest"}}
	r.ingest(g)
	r.add(chat(2), before)

	dump := r.dump()
	for _, key := range []string{slicesKey(0), seenPrefix(0) + "1:" + bucket(g.IDs[0], leastBuckets)} {
		if dump[key] == "" {
			t.Errorf("%s is missing", key)
		}
		delete(dump, key) // see seen_test.go
	}
	stacktest.SameDump(t, dump, map[string]string{
		"fm:{0}:raw":      "list: line 1|line 2",
		"fm:{0}:rawbytes": "string: 12",
		"fm:{0}:accepted": "string: 6",
		"fm:{0}:changed":  "zset: 0=acme|0=zed",
		"fm:{0}:group:c":  "string, expires: 2",
		"fm:{0}:minutes":  "zset: 29699999=29699999|29700000=29700000",
		"fm:{0}:minute:29700000": "hash: " + strings.Join([]string{
			"d\tacme=20625\n", "d\tzed=20625\n",
			"e\t20625\tacme\tchat=2", "e\t20625\tacme\timage=1", "e\t20625\tzed\tchat=1",
			"f\tacme=20625\tchat\n20625\timage\n", "f\tzed=20625\tchat\n",
			"s\t20625\tacme=14", "s\t20625\tzed=11",
			"t\t20625\tacme\tchat=7", "t\t20625\tacme\timage=7", "t\t20625\tzed\tchat=11"}, "|"),
		"fm:{0}:minute:29699999": "hash: " + strings.Join([]string{
			"d\tacme=20624\n", "e\t20624\tacme\tchat=2", "f\tacme=20624\tchat\n",
			"s\t20624\tacme=6", "t\t20624\tacme\tchat=6"}, "|"),
	})
}

func TestIngestPutsLateEventsIntoOneHash(t *testing.T) {
	r := newRig(t)
	r.add(lateChat(10, 5), lateChat(20, 6))
	r.add(lateChat(10, 1))

	dump := r.dump()
	if _, ok := dump["fm:{0}:minutes"]; ok {
		t.Error("a late event opened a minute")
	}
	want := "hash: " + strings.Join([]string{
		"E\t29699980\tacme\tchat=1", "E\t29699990\tacme\tchat=2",
		"T\t29699980\tacme\tchat=6", "T\t29699990\tacme\tchat=6",
		"d\tacme=20625\n", "e\t20625\tacme\tchat=3", "f\tacme=20625\tchat\n",
		"s\t20625\tacme=12", "t\t20625\tacme\tchat=12"}, "|")
	if got := dump["fm:{0}:late"]; got != want {
		t.Errorf("late\n got %q\nwant %q", got, want)
	}
}

func TestIngestAppliesAGroupOnce(t *testing.T) {
	r := newRig(t)
	g := r.group(chat(5))
	g.IDs = []EventID{{"acme", "e1", "digest"}}
	r.ingest(g)
	before := r.dump()
	r.ingest(g) // "ok", and not "seen", although its id is stored
	r.same(before)
}

func TestIngestRefusesAGroupOlderThanTheLast(t *testing.T) {
	r := newRig(t)
	old := r.group(chat(5))
	r.add(chat(7))
	before := r.dump()
	if _, _, err := r.Ingest(t.Context(), 0, old, window, Query{}); !errors.Is(err, ErrOldGroup) {
		t.Errorf("got %v, want ErrOldGroup", err)
	}
	r.same(before)
}

func TestIngestNumbersTheGroupsOfEachCommitter(t *testing.T) {
	r := newRig(t)
	r.add(chat(5))
	r.add(chat(5))
	other := Group{Committer: "d", Number: 1, Lines: []byte("x"), Counters: []Counter{chat(7)}}
	r.ingest(other)
	if got := r.tokens("acme"); got != 17 {
		t.Errorf("%d tokens, want 17", got)
	}
}

func TestIngestWritesNothingIfAnIDWasSeen(t *testing.T) {
	r := newRig(t)
	first := r.group(chat(5))
	first.IDs = []EventID{{"acme", "e1", "digest 1"}, {"acme", "e2", "digest 2"}}
	r.ingest(first)
	before := r.dump()
	for _, c := range []struct {
		name string
		ids  []EventID
		want []Seen
	}{
		{"the same event", []EventID{{"acme", "e1", "digest 1"}}, []Seen{{Index: 0, Same: true}}},
		{"another event", []EventID{{"acme", "e1", "other"}}, []Seen{{Index: 0, Same: false}}},
		{"some of several", []EventID{{"acme", "new", "x"}, {"acme", "e2", "other"}, {"zed", "e1", "x"},
			{"acme", "e1", "digest 1"}},
			[]Seen{{Index: 1, Same: false}, {Index: 3, Same: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &rig{Valkey: r.Valkey, TB: t, client: r.client, number: r.number}
			g := r.group(chat(5), counter("new", "new", 1), lateChat(9, 1))
			g.IDs = c.ids
			if out := r.try(g); !slices.Equal(out.Seen, c.want) || out.Overflow != -1 {
				t.Errorf("got %+v, want %+v", out, c.want)
			}
			r.same(before)
		})
	}
}

func TestIngestForgetsACommitterAfterADay(t *testing.T) {
	r := newRig(t)
	r.add(chat(5))
	d, err := r.client.PTTL(t.Context(), groupKey(0, "c")).Result()
	if err != nil || d <= groupTTL-time.Minute || d > groupTTL {
		t.Errorf("the group is remembered for %s, %v; want %s", d, err, groupTTL)
	}
}

func TestIngestUndoesAGroupThatOverflows(t *testing.T) {
	const most = math.MaxInt64
	manyEvents := chat(1)
	manyEvents.Amounts[meter.Events] = most
	yesterday := lateChat(9, 5) // the minute of the prime, on another day: the zone was changed
	yesterday.Day = today - 1
	for _, c := range []struct {
		name   string
		primes []Counter
		over   Counter
	}{
		{"tokens of a feature", []Counter{chat(most - 4)}, chat(5)},
		{"tokens of a tenant", []Counter{chat(most - 4)}, counter("acme", "new", 5)},
		{"events of a feature", []Counter{manyEvents}, chat(1)},
		{"late tokens of a tenant", []Counter{lateChat(9, most-4)}, lateChat(8, 5)},
		{"late tokens of a minute", []Counter{lateChat(9, most-4)}, yesterday},
		{"beside events with no tokens", []Counter{chat(most - 4), counter("acme", "none", 0),
			counter("zero", "none", 0), lateOf("zero", "none", 7, 0)}, chat(5)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.add(c.primes...)
			before := r.dump()

			nextMinute := chat(1)
			nextMinute.Minute++
			g := r.group(counter("acme", "fresh", 1), counter("zed", "chat", 3), nextMinute, lateChat(7, 2),
				c.over, counter("last", "x", 1))
			// Before them, tokens that are 0, of counters that are there and of some that are not.
			zero := []Counter{counter("zero", "none", 0), counter("zero", "none", 5),
				counter("zero", "more", 0), counter("none", "none", 0),
				lateOf("zero", "none", 7, 0), lateOf("zero", "none", 7, 3), lateOf("none", "none", 7, 0)}
			g.Counters = append(zero, g.Counters...)
			g.IDs = []EventID{{"acme", "e1", "digest"}}
			if c.over.Late { // what comes before the one at fault must not overflow itself
				g.Counters[len(zero)+3].Tenant = "late"
			} else {
				g.Counters[len(zero)].Tenant = "first"
			}
			if out := r.try(g); out.Overflow != len(zero)+4 || len(out.Seen) > 0 {
				t.Errorf("got %+v, want an overflow of counter %d", out, len(zero)+4)
			}
			r.same(before)
		})
	}
}

func TestIngestFillsACounterToItsLimit(t *testing.T) {
	r := newRig(t)
	r.add(chat(math.MaxInt64 - 4))
	r.add(chat(4))
	if got := r.tokens("acme"); got != math.MaxInt64 {
		t.Errorf("%d tokens, want 2^63-1", got)
	}
}

func TestIngestSealsAFullRawListItself(t *testing.T) {
	r := newRig(t)
	half := strings.Repeat("x", sealBytes/2)
	first, second, third := r.group(chat(1)), r.group(chat(1)), r.group(chat(1))
	first.Lines, second.Lines = []byte(half), []byte(half)
	r.ingest(first)
	if dump := r.dump(); dump["fm:{0}:sealed:raw"] != "" ||
		dump["fm:{0}:rawbytes"] != "string: 524288" {
		t.Errorf("half full: sealed %q, rawbytes %q", dump["fm:{0}:sealed:raw"], dump["fm:{0}:rawbytes"])
	}
	r.ingest(second)
	r.ingest(third)

	dump := r.dump()
	if dump["fm:{0}:order"] != "string: 1" || dump["fm:{0}:raw"] != "list: line 3" ||
		dump["fm:{0}:rawbytes"] != "string: 6" {
		t.Errorf("order %q, raw %.40q, rawbytes %q", dump["fm:{0}:order"], dump["fm:{0}:raw"],
			dump["fm:{0}:rawbytes"])
	}
	waiting := r.seal(now).Raw
	if len(waiting) != 2 || waiting[0].Number != 1 {
		t.Fatalf("waiting: %+v, want the full one, numbered 1, and the rest", waiting)
	}
	if got := r.lines(waiting[0].ID); !slices.Equal(got, []string{half, half}) {
		t.Errorf("the batch holds %d groups", len(got))
	}
}

func TestIngestAnswersWithTheUsageAfterIt(t *testing.T) {
	r := newRig(t)
	r.add(chat(5), counter("zed", "chat", 1))
	day := meter.TenantDays{Tenant: "acme", From: today, To: today + 1}
	q := Query{Tenants: []meter.TenantDays{{Tenant: "zed", From: today, To: today + 1}, day,
		{Tenant: "nobody", From: today, To: today + 1}}}
	_, totals, err := r.Ingest(t.Context(), 0, r.group(chat(7)), window, q)
	if err != nil || !slices.Equal(tokensOf(totals), []int64{1, 12, 0}) {
		t.Errorf("got %v, %v; want 1, 12, 0", totals, err)
	}
}

func TestIngestKeepsShardsApart(t *testing.T) {
	r := newRig(t)
	two := New(r.client, 2)
	g := r.group(chat(5))
	for shard := range two.Shards() { // the same committer and number
		if _, _, err := two.Ingest(t.Context(), shard, g, window, Query{}); err != nil {
			t.Fatal(err)
		}
	}
	zero, one := 0, 0
	for key := range r.dump() {
		switch {
		case strings.HasPrefix(key, "fm:{0}:"):
			zero++
		case strings.HasPrefix(key, "fm:{1}:"):
			one++
		default:
			t.Errorf("key %q belongs to no shard", key)
		}
	}
	if zero != one || zero != 7 {
		t.Errorf("%d keys in shard 0, %d in shard 1, want 7 in each", zero, one)
	}
}
