package scripts

import (
	"fmt"
	"math"
	rat "math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// judged applies the next group with limits, or has it refused.
func (r *rig) judged(l Limits, q Query, counters ...Counter) Outcome {
	r.Helper()
	g := r.group(counters...)
	g.Limits = &l
	out, _, err := r.Ingest(r.Context(), 0, g, window, q)
	if err != nil {
		r.Fatal(err)
	}
	return out
}

// costs are requests that cost so many events of the only rate.
func costs(rate meter.Rate, events ...int) Limits {
	l := Limits{Rates: []RateLimit{{TenantBucket("acme"), rate}}}
	for _, n := range events {
		l.Requests = append(l.Requests, Request{Costs: []Cost{{0, n}}})
	}
	return l
}

// refusedRequests are the requests of an outcome that were refused, and why.
func refusedRequests(out Outcome) (requests []int, reasons []Reason) {
	for _, r := range out.Refused {
		requests, reasons = append(requests, r.Request), append(reasons, r.Reason)
	}
	return requests, reasons
}

// age moves the bucket of acme so far into the past.
func (r *rig) age(by time.Duration) {
	r.Helper()
	key := ratePrefix(0) + TenantBucket("acme")
	value, err := r.client.Get(r.Context(), key).Result()
	if err != nil {
		return // it is empty
	}
	var level, at int64
	if _, err := fmt.Sscan(value, &level, &at); err != nil {
		r.Fatal(err)
	}
	if err := r.client.Set(r.Context(), key, fmt.Sprint(level, at-by.Microseconds()), time.Hour).Err(); err != nil {
		r.Fatal(err)
	}
}

// The slowest rate there is: in a second a test drains one event.
var slow = meter.Rate{PerSecond: 1, Burst: 100}

// waits fails the test unless a single request is refused that waits for so long, less the time
// that has passed since the bucket was filled.
func (r *rig) waits(out Outcome, want time.Duration, filled time.Time) {
	r.Helper()
	least := want - time.Since(filled) - time.Millisecond // Valkey's clock has other steps
	if len(out.Refused) != 1 || out.Refused[0].Wait > want || out.Refused[0].Wait < least {
		r.Errorf("%+v, want one request that waits %v to %v", out.Refused, least, want)
	}
}

func TestRequestsOfAGroupShareARate(t *testing.T) {
	r := newRig(t)
	before := r.dump()
	out := r.judged(costs(slow, 60, 50, 40, 1), Query{}, chat(1))
	if requests, reasons := refusedRequests(out); !slices.Equal(requests, []int{1, 3}) || reasons[0] != OverRate {
		t.Fatalf("refused are %v, %v; want the second and the fourth", requests, reasons)
	}
	if wait := out.Refused[0].Wait; wait != 10*time.Second {
		t.Errorf("110 of 100 events wait %v, want 10 s", wait)
	}
	r.same(before)
	filled := time.Now()
	out = r.judged(costs(slow, 60, 40), Query{}, chat(1))
	if len(out.Refused) > 0 || !slices.Equal(out.Levels, []int64{100_000_000}) {
		t.Fatalf("the rest: %+v, want a full bucket", out)
	}
	r.waits(r.judged(costs(slow, 90), Query{}, chat(1)), 90*time.Second, filled)
}

func TestAGroupSentAgainIsNotChargedAgain(t *testing.T) {
	r := newRig(t)
	g := r.group(chat(1))
	l := costs(slow, 30)
	g.Limits = &l
	began := time.Now()
	for range 3 {
		out, _, err := r.Ingest(t.Context(), 0, g, window, Query{})
		drained := time.Since(began).Microseconds() + 1000 // millionths of an event, at one a second
		if err != nil || len(out.Refused) > 0 || len(out.Levels) != 1 || out.Levels[0] < 30_000_000-drained || out.Levels[0] > 30_000_000 {
			t.Errorf("%+v, %v; want it applied, and 30 events less what has drained", out, err)
		}
	}
	if got := r.tokens("acme"); got != 1 {
		t.Errorf("%d tokens, want 1", got)
	}
}

func TestARefusedGroupChargesNothing(t *testing.T) {
	for name, spoil := range map[string]func(g *Group){
		"overflow": func(g *Group) { g.Counters[0].Amounts[meter.Tokens] = math.MaxInt64 },
		"seen":     func(g *Group) { g.IDs = []EventID{{"acme", "e1", "other"}} },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			first := r.group(chat(1))
			first.IDs = []EventID{{"acme", "e1", "content"}}
			r.ingest(first)
			before := r.dump()
			g, l := r.group(chat(1)), costs(slow, 60)
			g.Limits = &l
			spoil(&g)
			if out := r.try(g); len(out.Seen) == 0 && out.Overflow < 0 {
				t.Fatalf("it is applied: %+v", out)
			}
			r.same(before)
		})
	}
}

func TestEveryRateOfARequestCounts(t *testing.T) {
	r := newRig(t)
	l := Limits{Rates: []RateLimit{{TenantBucket("acme"), slow}, {KeyBucket("k1"), meter.Rate{PerSecond: 1, Burst: 10}}}, Requests: []Request{
		{Costs: []Cost{{0, 5}, {1, 5}}},
		{Costs: []Cost{{0, 6}, {1, 6}}}, // the key has 5 left
		{Costs: []Cost{{0, 90}}},
		{Costs: []Cost{{0, 30}, {1, 8}}}, // the tenant must wait for longer
	}}
	out := r.judged(l, Query{}, chat(1))
	if len(out.Refused) != 2 || out.Refused[0].Request != 1 || out.Refused[0].Which != 1 || out.Refused[0].Wait != time.Second ||
		out.Refused[1].Request != 3 || out.Refused[1].Which != 0 || out.Refused[1].Wait != 25*time.Second {
		t.Errorf("%+v", out.Refused)
	}
}

// A change is in force with the next call: what was used counts, and no more than the burst.
func TestAChangedRateCountsAtOnce(t *testing.T) {
	r := newRig(t)
	filled := time.Now()
	r.judged(costs(slow, 100), Query{}, chat(1))
	if out := r.judged(costs(meter.Rate{PerSecond: 1, Burst: 110}, 10), Query{}, chat(1)); len(out.Refused) > 0 {
		t.Errorf("raised by what comes: %+v", out.Refused)
	}
	// Lowered: as if 60 were used. They still are as long as not 50 of 110 have drained.
	r.waits(r.judged(costs(meter.Rate{PerSecond: 1, Burst: 60}, 55), Query{}, chat(1)), 55*time.Second, filled)
	// Twice as fast: the same drains in half the time.
	r.waits(r.judged(costs(meter.Rate{PerSecond: 2, Burst: 60}, 60), Query{}, chat(1)), 30*time.Second, filled)
}

func TestABucketIsForgottenWhenItIsEmpty(t *testing.T) {
	r := newRig(t)
	began := time.Now()
	r.judged(costs(slow, 70), Query{}, chat(1))
	ttl, err := r.client.PTTL(t.Context(), ratePrefix(0)+TenantBucket("acme")).Result()
	if most := 70 * time.Second; err != nil || ttl < most-time.Since(began)-time.Millisecond || ttl > most {
		t.Errorf("it is kept for %v, %v; want %v", ttl, err, most)
	}
}

func TestAClockThatJumpsBackKeepsNobodyWaiting(t *testing.T) {
	r := newRig(t)
	filled := time.Now()
	r.judged(costs(slow, 100), Query{}, chat(1))
	r.age(-time.Hour)
	r.waits(r.judged(costs(slow, 90), Query{}, chat(1)), 90*time.Second, filled)
}

// GCRA has two forms. limits.lua is a leaky bucket; this is the other, virtual scheduling, in
// fractions of a second, so without any rounding. The clock is Valkey's; the test moves the
// bucket instead, by more than it takes, and leaves out what is too close to tell.
func TestRatesAreGCRA(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(t *rapid.T) {
		r.client.FlushDB(r.Context())
		rate := meter.Rate{PerSecond: rapid.Int64Range(1, 1000).Draw(t, "rate"), Burst: rapid.Int64Range(1, 1000).Draw(t, "burst")}
		interval := rat.NewRat(1, rate.PerSecond)
		now, arrival := new(rat.Rat), new(rat.Rat) // arrival is theoretical
		began, moved := time.Now(), time.Duration(0)
		for range rapid.IntRange(1, 12).Draw(t, "requests") {
			by := time.Duration(rapid.Int64Range(0, 2_000_000).Draw(t, "us")) * time.Microsecond
			r.age(by)
			moved += by
			events := rapid.IntRange(1, int(rate.Burst)).Draw(t, "events")
			earliest := new(rat.Rat).SetFrac64(moved.Microseconds(), 1e6)
			now.SetFrac64((moved + time.Since(began)).Microseconds(), 1e6)
			took := func(at *rat.Rat) (bool, *rat.Rat) {
				next := new(rat.Rat).Set(at)
				if arrival.Cmp(at) > 0 {
					next.Set(arrival)
				}
				next.Add(next, new(rat.Rat).Mul(interval, rat.NewRat(int64(events), 1)))
				limit := new(rat.Rat).Mul(interval, rat.NewRat(rate.Burst, 1))
				return new(rat.Rat).Sub(next, at).Cmp(limit) <= 0, next
			}
			early, _ := took(earliest)
			out := r.judged(costs(rate, events), Query{}, chat(1))
			late, _ := took(new(rat.Rat).SetFrac64((moved+time.Since(began)).Microseconds()+1000, 1e6))
			got := len(out.Refused) == 0
			if got && !late || !got && early {
				t.Fatalf("%d events: accepted is %t, GCRA says %t at the earliest and %t at the latest", events, got, early, late)
			}
			if got {
				_, arrival = took(now)
			}
		}
	})
}

// quota is acme's only quota of so many tokens today, and requests of so many tokens each, as a
// strict quota has them.
func quota(quota, settled int64, tokens ...int64) Limits {
	l := Limits{Quotas: []QuotaLimit{{meter.TenantDays{Tenant: "acme", From: today, To: today + 1}, settled, quota}}}
	for _, n := range tokens {
		l.Requests = append(l.Requests, Request{Needs: []Need{{0, n, n}}})
	}
	return l
}

func TestAQuotaCountsEverythingThatTheViewDoesNot(t *testing.T) {
	r := newRig(t)
	waiting, settled := scatter(r) // 31 tokens in all places
	yesterday := chat(1000)
	yesterday.Day--
	r.add(yesterday, counter("acme-2", "chat", 1000))
	for _, c := range []struct {
		leaveOut []string
		used     int64
	}{{nil, 31}, {[]string{waiting}, 23}, {[]string{settled}, 15}, {[]string{settled, waiting}, 7}} {
		before := r.dump()
		q := Query{Settled: c.leaveOut, MissingFrom: 1000}
		out := r.judged(quota(c.used+100, 50, 51, 50, 1), q, chat(1))
		requests, reasons := refusedRequests(out)
		if !slices.Equal(requests, []int{0, 2}) || reasons[0] != OverQuota || out.Refused[0].Used != c.used+50 || out.Refused[1].Used != c.used+100 {
			t.Errorf("without %q: %+v; want all but the second refused, at %d and %d tokens", c.leaveOut, out.Refused, c.used+50, c.used+100)
		}
		r.same(before)
	}
}

func TestQuotasBeyondWhatALuaNumberHolds(t *testing.T) {
	r := newRig(t)
	r.add(chat(big))
	for _, c := range []struct{ quota, settled, tokens, used int64 }{
		{2 * big, big, 1, 2 * big},
		{2*big + 1, big, 1, 0},
		{math.MaxInt64, math.MaxInt64 - big - 1, 2, math.MaxInt64 - 1},
		{math.MaxInt64, math.MaxInt64 - big - 1, 1, 0},
		{math.MaxInt64, math.MaxInt64, 1, math.MaxInt64},
		{1_999_999_999, 0, 1, big},
	} {
		l := quota(c.quota, c.settled, c.tokens, math.MaxInt64)
		l.Requests = append(l.Requests, Request{Costs: nil})
		out := r.judged(l, Query{MissingFrom: 1}, chat(1))
		var used int64
		if len(out.Refused) == 0 {
			t.Fatalf("%+v: nothing is refused", c)
		}
		if out.Refused[0].Request == 0 {
			used = out.Refused[0].Used
		}
		if used != c.used {
			t.Errorf("%+v: refused at %d", c, used)
		}
	}
}

// A view cannot tell what is used when a batch was dropped that it lacks, or when a recovery
// lies between.
func TestAViewThatLacksADroppedBatchRefuses(t *testing.T) {
	r := newRig(t)
	r.add(lateChat(9, 16))
	sums := r.seal(now).Sums
	r.ack(nil, ids(sums))
	ask := func(lacks int64, seq ledger.Position) []Reason {
		out := r.judged(quota(100, 0, 1), Query{MissingFrom: lacks, Position: seq}, chat(1))
		_, reasons := refusedRequests(out)
		return reasons
	}
	order := sums[0].Number
	if got := ask(order, 0); len(got) > 0 {
		t.Errorf("before it is dropped: %v", got)
	}
	if err := r.Drop(t.Context(), 0, ids(sums)); err != nil {
		t.Fatal(err)
	}
	if got := ask(order, 0); !slices.Equal(got, []Reason{UnknownUsage}) {
		t.Errorf("a view that lacks it: %v", got)
	}
	if got := ask(order+1, 0); len(got) > 0 {
		t.Errorf("a view that has it: %v", got)
	}
	if err := r.client.IncrBy(t.Context(), seqKey(0), ledger.Epoch).Err(); err != nil {
		t.Fatal(err)
	}
	if got := ask(order+1, 0); !slices.Equal(got, []Reason{UnknownUsage}) {
		t.Errorf("a view from before a recovery: %v", got)
	}
}

// introduce are requests with one feature each, all new to the caller.
func introduce(most int, features ...string) Limits {
	l := Limits{MostFeatures: most}
	for i, f := range features {
		l.Features = append(l.Features, Feature{"acme", f})
		l.Requests = append(l.Requests, Request{Features: []int{i}})
	}
	return l
}

func TestNoMoreFeaturesThanATenantMayHave(t *testing.T) {
	r := newRig(t)
	if out := r.judged(introduce(3, "a", "b"), Query{}, chat(1)); len(out.Refused) > 0 || out.MostFeatures != 2 {
		t.Fatalf("the first two: %+v", out)
	}
	before := r.dump()
	out := r.judged(introduce(3, "b", "c", "d"), Query{}, chat(1))
	if requests, reasons := refusedRequests(out); !slices.Equal(requests, []int{2}) || reasons[0] != OverFeatures || out.Refused[0].Used != 3 {
		t.Errorf("b, c and d: %+v; want d refused at 3", out.Refused)
	}
	r.same(before)
	// A request with two new ones has room for one: neither is taken.
	two := introduce(3, "c", "d")
	two.Requests = []Request{{Features: []int{0, 1}}, {Features: []int{1}}}
	if requests, _ := refusedRequests(r.judged(two, Query{}, chat(1))); !slices.Equal(requests, []int{0}) {
		t.Errorf("c with d, then d: refused are %v, want the first", requests)
	}
	if out := r.judged(introduce(3, "d"), Query{}, chat(1)); out.MostFeatures != 3 {
		t.Errorf("d: %+v", out)
	}
	// Another tenant has its own.
	if out := r.judged(Limits{MostFeatures: 1, Features: []Feature{{"zed", "x"}}, Requests: []Request{{Features: []int{0}}}}, Query{}, chat(1)); out.MostFeatures != 1 {
		t.Errorf("another tenant: %+v", out)
	}
}

func TestFeaturesThatNobodyUsesAreForgotten(t *testing.T) {
	r := newRig(t)
	r.judged(introduce(3, "old", "older", "new"), Query{}, chat(1))
	day := time.Now().Unix() / 86400
	key := featuresPrefix(0) + "acme"
	if err := r.client.HSet(t.Context(), key, "old", day-36, "older", day-100, "new", day-35).Err(); err != nil {
		t.Fatal(err)
	}
	// As long as there is room nothing is looked for.
	if out := r.judged(introduce(4, "fourth"), Query{}, chat(1)); out.MostFeatures != 4 {
		t.Errorf("with room: %+v", out)
	}
	// "old" comes back in the call that makes room.
	if out := r.judged(introduce(4, "old", "fifth"), Query{}, chat(1)); len(out.Refused) > 0 || out.MostFeatures != 4 {
		t.Errorf("without: %+v", out)
	}
	left, err := r.client.HKeys(t.Context(), key).Result()
	slices.Sort(left)
	if got := strings.Join(left, " "); err != nil || got != "fifth fourth new old" {
		t.Errorf("left are %s, %v", got, err)
	}
	if out := r.judged(introduce(4, "sixth"), Query{}, chat(1)); len(out.Refused) != 1 {
		t.Errorf("a sixth: %+v", out)
	}
}
