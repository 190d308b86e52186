package scripts

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// scatter spreads amounts over every place where usage can be: 1 in an open minute,
// 2 in another, 4 late, 8 in a sum that waits, 16 in one that is settled. It returns
// the ids of the two sums.
func scatter(r *rig) (waiting, settled string) {
	r.Helper()
	r.add(lateChat(9, 16))
	sums := ids(r.seal(now).Sums)
	r.ack(nil, sums)
	r.add(lateChat(9, 8))
	waitingSums := ids(r.seal(now).Sums)
	before := chat(2)
	before.Minute--
	r.add(chat(1), before, lateChat(9, 4))
	return waitingSums[0], sums[0]
}

func TestUsageAddsUpEverythingButTheGivenBatches(t *testing.T) {
	r := newRig(t)
	waiting, settled := scatter(r)
	for _, c := range []struct {
		leaveOut []string
		want     int64
	}{
		{nil, 31},
		{[]string{waiting}, 23},
		{[]string{settled}, 15},
		{[]string{settled, waiting}, 7},
		{[]string{"0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e"}, 31},
	} {
		if got := r.tokens("acme", c.leaveOut...); got != c.want {
			t.Errorf("without %q: %d tokens, want %d", c.leaveOut, got, c.want)
		}
		features := r.features(Query{Settled: c.leaveOut, Tenants: []meter.TenantDays{{Tenant: "acme", From: today, To: today + 1}}})[0]
		if len(features) != 1 || features[0].Used[meter.Tokens] != c.want {
			t.Errorf("without %q: features %+v; want %d tokens", c.leaveOut, features, c.want)
		}
	}
}

func TestUsageCountsTheDaysOfAHalfOpenRange(t *testing.T) {
	r := newRig(t)
	tokens := int64(1)
	for day := today - 2; day <= today+2; day++ { // 1, 2, 4, 8, 16
		open, late := chat(tokens), lateChat(9, 100*tokens)
		open.Day, late.Day = day, day
		r.add(open, late)
		tokens *= 2
	}
	for _, c := range []struct {
		from, to meter.Day
		want     int64
	}{
		{today, today + 1, 4},
		{today, today + 2, 12},
		{today - 2, today + 3, 31},
		{today - 100, today, 3},
		{today, today, 0},
		{today + 1, today, 0},
		{today + 3, today + 50, 0},
	} {
		q := Query{Tenants: []meter.TenantDays{{Tenant: "acme", From: c.from, To: c.to}}}
		got, err := r.Totals(t.Context(), 0, q)
		if err != nil || got[0][meter.Tokens] != 101*c.want {
			t.Errorf("%s to %s: %v, %v; want %d", c.from, c.to, got, err, 101*c.want)
		}
		features := r.features(q)[0]
		var sum int64
		for _, f := range features {
			sum += f.Used[meter.Tokens]
		}
		if sum != 101*c.want {
			t.Errorf("%s to %s: features %+v; want %d", c.from, c.to, features, 101*c.want)
		}
	}
}

func TestFeaturesAddUpOverHashesAndDays(t *testing.T) {
	r := newRig(t)
	yesterday := counter("acme", "image", 10)
	yesterday.Day--
	other := counter("acme", "image", 30)
	other.Minute++
	name := `a\N "é" 🦉 %s`
	r.add(chat(1), counter("acme", "image", 20), yesterday, other, lateChat(9, 2), counter("acme", name, 7), counter("zed", "chat", 99))
	got := r.features(Query{Tenants: []meter.TenantDays{{Tenant: "acme", From: today - 1, To: today + 1}}})[0]
	slices.SortFunc(got, func(a, b meter.FeatureUsage) int { return cmp.Compare(a.Used[meter.Tokens], b.Used[meter.Tokens]) })
	want := []meter.FeatureUsage{{Feature: "chat", Used: meter.Amounts{3, 2}}, {Feature: name, Used: meter.Amounts{7, 1}}, {Feature: "image", Used: meter.Amounts{60, 3}}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestFeaturesOfSeveralTenantsAreInTheirOrder(t *testing.T) {
	r := newRig(t)
	r.add(chat(1), counter("zed", "image", 99))
	var days []meter.TenantDays
	for _, name := range []string{"zed", "nobody", "acme"} {
		days = append(days, meter.TenantDays{Tenant: name, From: today, To: today + 1})
	}
	got := r.features(Query{Tenants: days})
	want := [][]meter.FeatureUsage{{{Feature: "image", Used: meter.Amounts{99, 1}}}, {}, {{Feature: "chat", Used: meter.Amounts{1, 1}}}}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// The more hashes there are, the fewer tenants a call adds up.
func TestCallsAreShortInManyHashes(t *testing.T) {
	r := newRig(t)
	before := r.queryChunk(0)
	for n := range 60 {
		one := chat(1)
		one.Minute -= int64(n)
		r.add(one)
	}
	if got := r.tokens("acme"); got != 60 {
		t.Errorf("%d tokens, want 60", got)
	}
	if r.Hashes(0) != 61 || before != 250 || r.queryChunk(0) != 16 {
		t.Errorf("%d hashes; a call takes %d tenants and took %d before",
			r.Hashes(0), r.queryChunk(0), before)
	}
}

func TestTokensOfMoreTenantsThanOneCallTakes(t *testing.T) {
	r := newRig(t)
	tenants := 3*r.queryChunk(0) + 7
	var counters []Counter
	var q Query
	var want []int64
	for i := range tenants {
		name := fmt.Sprintf("tenant-%d", i)
		q.Tenants = append(q.Tenants, meter.TenantDays{Tenant: name, From: today, To: today + 1})
		want = append(want, int64(i%5))
		if i%5 > 0 {
			counters = append(counters, counter(name, "chat", int64(i%5)))
		}
	}
	r.add(counters...)
	got, err := r.Totals(t.Context(), 0, q)
	if err != nil || !slices.Equal(tokensOf(got), want) {
		t.Errorf("got %d sums, %v; they differ from those of %d tenants", len(got), err, tenants)
	}
}

func TestTokensOfATenantAskedForTwice(t *testing.T) {
	r := newRig(t)
	yesterday := chat(1)
	yesterday.Day--
	r.add(chat(5), yesterday)
	q := Query{Tenants: []meter.TenantDays{
		{Tenant: "acme", From: today, To: today + 1}, {Tenant: "acme", From: today, To: today + 1}, {Tenant: "acme", From: today - 1, To: today}}}
	got, err := r.Totals(t.Context(), 0, q)
	if err != nil || !slices.Equal(tokensOf(got), []int64{5, 5, 1}) {
		t.Errorf("got %v, %v; want 5, 5, 1", got, err)
	}
}

func TestTokensOfNobody(t *testing.T) {
	r := newRig(t)
	if got, err := r.Totals(t.Context(), 0, Query{}); err != nil || len(got) > 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

// A name is data: none may be taken for a pattern, a separator or the end of another.
func TestNamesThatLookAlikeAreKeptApart(t *testing.T) {
	r := newRig(t)
	names := []string{"a", "aa", "a a", "a%", "a.*", "a:b", `a\`, `a\t`, "A", "20625", "ä", "🦉"}
	for i, name := range names {
		r.add(counter(name, "a", int64(1)<<i), counter("a", name+"'", 1<<20))
	}
	for i, name := range names {
		want := int64(1) << i
		if name == "a" {
			want += int64(len(names)) << 20
		}
		if got := r.tokens(name); got != want {
			t.Errorf("%q has %d tokens, want %d", name, got, want)
		}
	}
}
