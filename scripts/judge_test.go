package scripts

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// judge holds a staged request against limits.
func (r *rig) judge(s *Staged, l Limits, take bool) Judgement {
	r.Helper()
	j, err := r.Judge(r.Context(), 0, s, &l, Query{MissingFrom: 1000}, take)
	if err != nil {
		r.Fatal(err)
	}
	return j
}

// large is a request that is stored, and not judged yet.
func (r *rig) large(counters ...Counter) (*Staged, []Counter) {
	r.Helper()
	s := NewStaged()
	r.stagePart(s, StagedPart{Lines: []byte("line"), Counters: counters})
	return s, counters
}

// reason is why the only request of an answer is refused, "" if it is not.
func reason(refused []Refusal) Reason {
	if len(refused) == 0 {
		return ""
	}
	return refused[0].Reason
}

func TestLookingAtALargeRequestWritesNothing(t *testing.T) {
	r := newRig(t)
	s, _ := r.large(chat(5))
	l := quota(5, 0, 5)
	l.Rates = []RateLimit{{TenantBucket("acme"), slow}}
	l.Features, l.MostFeatures = []Feature{{"acme", "chat"}}, 1
	l.Requests[0].Costs, l.Requests[0].Features = []Cost{{0, 100}}, []int{0}
	before := r.dump()
	if j := r.judge(s, l, false); len(j.Refused) > 0 || j.Unstaged {
		t.Errorf("looked at: %+v", j)
	}
	r.same(before)
	tooMuch := l
	tooMuch.Requests = slices.Clone(l.Requests)
	tooMuch.Requests[0].Needs = []Need{{0, 6, 6}}
	if j := r.judge(s, tooMuch, true); reason(j.Refused) != OverQuota {
		t.Errorf("6 of 5 tokens: %+v", j)
	}
	r.same(before)
}

// A part whose reply was lost is taken once, and its levels are told again.
func TestAPartIsTakenOnce(t *testing.T) {
	r := newRig(t)
	s, counters := r.large(chat(5))
	l := costs(slow, 60)
	for range 3 {
		if j := r.judge(s, l, true); len(j.Refused) > 0 || len(j.Levels) != 1 || s.Judged != 1 {
			t.Errorf("%+v after %d parts, want it taken", j, s.Judged)
		}
		s.Judged--
	}
	s.Judged = 1
	if j := r.judge(s, costs(slow, 60), true); reason(j.Refused) != OverRate {
		t.Errorf("60 more of 100 events: %+v", j)
	}
	r.judge(s, quota(5, 0, 5), true)
	if r.dump()[holdingKey(0)] == "" {
		t.Error("it holds nothing")
	}
	r.ingest(r.staged(s, counters...))
	for key, value := range r.dump() {
		if key == judgedKey(0, s.Token) || key == holdingKey(0) {
			t.Errorf("%s is left: %s", key, value)
		}
	}
}

// What Valkey has forgotten of the judgement, it does not count by.
func TestARequestThatLostAVerdictIsBegunAnew(t *testing.T) {
	for name, lose := range map[string]func(r *rig, s *Staged){
		"all": func(r *rig, s *Staged) { r.client.Del(t.Context(), judgedKey(0, s.Token)) },
		"the last": func(r *rig, s *Staged) {
			r.client.HSet(t.Context(), judgedKey(0, s.Token), "n", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s, counters := r.large(chat(5))
			r.judge(s, quota(5, 0, 5), true)
			r.judge(s, costs(slow, 1), true)
			lose(r, s)
			if j := r.judge(s, costs(slow, 1), true); !j.Unstaged {
				t.Errorf("a third part is taken: %+v", j)
			}
			if out := r.try(r.staged(s, counters...)); !out.Unstaged {
				t.Errorf("it is counted: %+v", out)
			}
		})
	}
	r := newRig(t)
	if j := r.judge(NewStaged(), quota(5, 0, 5), false); !j.Unstaged {
		t.Errorf("a request that is not stored: %+v", j)
	}
}

// A process that crashed holds nothing for longer than its request lives, and what is left of that
// is removed by the next request.
func TestWhatACrashHoldsIsForgotten(t *testing.T) {
	r := newRig(t)
	s, _ := r.large(chat(5))
	r.judge(s, quota(5, 0, 5), true)
	key := requestPrefix(0) + s.Token
	if ttl := r.client.PTTL(t.Context(), judgedKey(0, s.Token)).Val(); ttl <= 0 || ttl > stagedFor {
		t.Errorf("what it holds stays for %v", ttl)
	}
	if got := r.judged(quota(5, 0, 1), Query{MissingFrom: 1000}, chat(1)); reason(got.Refused) != Held {
		t.Errorf("while it holds all: %+v", got)
	}
	if err := r.client.PExpire(t.Context(), key, time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	for r.client.Exists(t.Context(), key).Val() > 0 {
	}
	if got := r.judged(quota(5, 0, 5), Query{MissingFrom: 1000}, chat(5)); len(got.Refused) > 0 {
		t.Errorf("when it is forgotten: %+v", got)
	}
	if left := r.dump()[holdingKey(0)]; left != "" {
		t.Errorf("holding: %s", left)
	}
}

// What is used and what is held are added up beyond the 10^9 that Lua counts them by.
func TestManyTokensAreHeld(t *testing.T) {
	r := newRig(t)
	r.add(chat(900_000_000))
	s, _ := r.large(chat(900_000_000))
	r.judge(s, quota(1_800_000_000, 0, 900_000_000), true)
	for _, c := range []struct {
		quota int64
		want  Reason
	}{{900_000_000, OverQuota}, {1_000_000_000, Held}, {1_800_000_000, Held}, {1_800_000_001, ""}} {
		out := r.judged(quota(c.quota, 0, 1), Query{MissingFrom: 1000}, chat(1))
		if reason(out.Refused) != c.want {
			t.Errorf("of %d: %+v; want %q", c.quota, out, c.want)
		}
	}
}

// Small and large requests of one tenant share its strict quota, in whatever order they are judged,
// counted and given up: never is more counted, and nobody is refused for what is only held.
func TestHeldTokensAreNeitherUsedNorFree(t *testing.T) {
	type open struct {
		s        *Staged
		counters []Counter
		tokens   int64
	}
	r, checks := newRig(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		tenant := fmt.Sprint("tenant-", checks)
		needs := func(most, tokens int64) Limits {
			l := quota(most, 0, tokens)
			l.Quotas[0].Tenant = tenant
			return l
		}
		unit := rapid.SampledFrom([]int64{1, 100_000_001, big}).Draw(rt, "unit") // of tokens
		most := rapid.Int64Range(1, 60).Draw(rt, "quota") * unit
		var used, held int64
		var requests []open
		check := func(tokens int64, refused []Refusal) {
			want := Reason("")
			switch {
			case used+tokens > most:
				want = OverQuota
			case used+held+tokens > most:
				want = Held
			}
			if got := reason(refused); got != want {
				rt.Fatalf("%d tokens with %d used and %d held of %d: %q, want %q",
					tokens, used, held, most, got, want)
			}
		}
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			tokens := rapid.Int64Range(1, 20).Draw(rt, "tokens") * unit
			action := rapid.SampledFrom([]string{"small", "begin", "count", "give up"}).Draw(rt, "action")
			switch {
			case action == "small":
				l := needs(most, tokens)
				out := r.judged(l, Query{MissingFrom: 1000}, counter(tenant, "chat", tokens))
				check(tokens, out.Refused)
				if len(out.Refused) == 0 {
					used += tokens
				}
			case action == "begin":
				s, counters := r.large(counter(tenant, "chat", tokens))
				j := r.judge(s, needs(most, tokens), true)
				check(tokens, j.Refused)
				if len(j.Refused) == 0 {
					held += tokens
					requests = append(requests, open{s, counters, tokens})
				}
			case len(requests) > 0:
				i := rapid.IntRange(0, len(requests)-1).Draw(rt, "which")
				one := requests[i]
				requests = slices.Delete(requests, i, i+1)
				held -= one.tokens
				if action == "count" {
					r.ingest(r.staged(one.s, one.counters...))
					used += one.tokens
				} else if err := r.Unstage(t.Context(), 0, one.s); err != nil {
					rt.Fatal(err)
				}
				if n := r.client.Exists(t.Context(), judgedKey(0, one.s.Token)).Val(); n > 0 {
					rt.Fatal("a request that is over still holds something")
				}
			}
			if got := r.tokens(tenant); got != used {
				rt.Fatalf("%d tokens are counted, want %d", got, used)
			}
		}
	})
}

// The limits of many tenants are judged in one call as in one a tenant, beyond what one command
// takes.
func TestQuotasOfManyTenantsAtOnce(t *testing.T) {
	r := newRig(t)
	const tenants = 2*1000 + 3
	var l Limits
	l.Requests = []Request{{}}
	var counters []Counter
	for n := range tenants {
		name := fmt.Sprint("tenant-", n)
		one := quota(int64(n), 0, 0)
		one.Quotas[0].Tenant = name
		l.Quotas = append(l.Quotas, one.Quotas[0])
		l.Requests[0].Needs = append(l.Requests[0].Needs, Need{n, 1, 1})
		if n > 1 {
			counters = append(counters, counter(name, "chat", int64(n-1)))
		}
	}
	r.add(counters...)
	l.Requests[0].Needs = l.Requests[0].Needs[1:] // the first has no quota left
	if out := r.judged(l, Query{MissingFrom: 1000}, chat(1)); len(out.Refused) > 0 {
		t.Errorf("one token left of each: %+v", out.Refused)
	}
	last := counters[len(counters)-1]
	last.Amounts[meter.Tokens], last.Minute = 1, last.Minute-1
	r.add(last)
	out := r.judged(l, Query{MissingFrom: 1000}, chat(1))
	want := Refusal{Request: 0, Reason: OverQuota, Which: tenants - 1, Used: tenants - 1}
	if len(out.Refused) != 1 || out.Refused[0] != want {
		t.Errorf("none left of the last: %+v", out.Refused)
	}
}
