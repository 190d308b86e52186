package scripts

import (
	"math"
	"slices"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// A Lua number is a double: each step of an amount's way must keep it from becoming one.

func TestAmountsAbove2To53StayExact(t *testing.T) {
	r := newRig(t)
	for range 3 { // 3·(2^53+1) is odd, so no double holds it
		r.add(chat(big), lateChat(9, big))
	}
	const sum, total = 3 * big, 6 * big
	if got := r.tokens("acme"); got != total {
		t.Errorf("open: %d tokens, want %d", got, total)
	}
	sealed := r.seal(now + 1)
	if got := r.tokens("acme"); got != total {
		t.Errorf("sealed: %d tokens, want %d", got, total)
	}
	features := r.features(Query{Tenants: []meter.TenantDays{{Tenant: "acme", From: today, To: today + 1}}})[0]
	if !slices.Equal(features, []meter.FeatureUsage{{Feature: "chat", Used: meter.Amounts{total, 6}}}) {
		t.Errorf("features %+v; want %d tokens, 6 events", features, total)
	}
	if len(sealed.Sums) != 2 {
		t.Fatalf("%d sums, want late and a minute", len(sealed.Sums))
	}
	for i, minute := range []int64{now - 9, now} {
		got := r.sum(sealed.Sums[i].ID)
		if n := got.Days[DayKey{"acme", today, "chat"}]; n != (meter.Amounts{sum, 3}) {
			t.Errorf("sum %d: day has %+v, want %d tokens", i, n, sum)
		}
		if n := got.Minutes[MinuteKey{"acme", "chat", minute}]; n != (meter.Amounts{sum, 3}) {
			t.Errorf("sum %d: minute has %+v, want %d tokens", i, n, sum)
		}
	}
}

func TestASumOfSeveralHashesStopsAtTheLimit(t *testing.T) {
	r := newRig(t)
	r.add(chat(math.MaxInt64), lateChat(9, math.MaxInt64))
	if got := r.tokens("acme"); got != math.MaxInt64 {
		t.Errorf("%d tokens, want 2^63-1", got)
	}
}

func TestJoin(t *testing.T) {
	for _, c := range []struct{ high, low, want int64 }{
		{0, 0, 0},
		{0, 999_999_999, 999_999_999},
		{1, 0, 1_000_000_000},
		{0, 5_000_000_001, 5_000_000_001}, // the low parts of several hashes
		{9_223_372_036, 854_775_806, math.MaxInt64 - 1},
		{9_223_372_036, 854_775_807, math.MaxInt64},
		{9_223_372_036, 854_775_808, math.MaxInt64},
		{9_223_372_035, 1_854_775_807, math.MaxInt64},
		{9_223_372_035, 1_854_775_808, math.MaxInt64},
		{1 << 50, 0, math.MaxInt64},
		{0, -1, -1},
		{-1, 0, -1_000_000_000},
		{1, -1, 999_999_999}, // the parts of a positive and a negative amount
		{-1, 1, -999_999_999},
		{2, -5_000_000_000, -3_000_000_000},
		{-9_223_372_036, -854_775_807, -math.MaxInt64},
		{-9_223_372_036, -854_775_808, -math.MaxInt64},
		{-9_223_372_037, 145_224_193, -math.MaxInt64},
		{-1 << 50, 0, -math.MaxInt64},
	} {
		if got := join(c.high, c.low); got != c.want {
			t.Errorf("join(%d, %d) = %d, want %d", c.high, c.low, got, c.want)
		}
	}
}
