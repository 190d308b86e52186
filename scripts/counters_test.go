package scripts

import (
	"fmt"
	"math"
	bigint "math/big"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// TestFieldsReadWhatTheyWrite walks through the kinds of all amounts.
func TestFieldsReadWhatTheyWrite(t *testing.T) {
	for kind, of := range kinds {
		if of.scope == noAmount {
			continue
		}
		f := field{byte(kind), 20_000, "acme", "a feature"}
		if of.scope == ofAllOfIt {
			f.feature = ""
		}
		name := string(f.append(nil))
		if got, ok, err := parseField(name); got != f || !ok || err != nil {
			t.Errorf("%q is read as %+v, %v, %v, want %+v", name, got, ok, err, f)
		}
	}
	for name, counts := range map[string]bool{
		"t\t20000\tacme\tchat": true, "E\t29000000\tacme\tchat": true, "s\t20000\tacme": true,
		"d\tacme": false, "f\tacme": false, "f\tacme\t2": false, "f\tacme\tn": false, "m": false,
	} {
		if _, ok, err := parseField(name); ok != counts || err != nil {
			t.Errorf("%q holds an amount: %v, %v, want %v", name, ok, err, counts)
		}
	}
	for _, name := range []string{"", "\t", "t", "t\t1\tacme", "t\tx\tacme\tchat", "t\t1\tacme\tchat\tmore",
		"s\t1\tacme\tchat", "tt\t1\tacme\tchat", "é\t1\tacme\tchat", "\x00\t1\tacme"} {
		if f, ok, err := parseField(name); err == nil {
			t.Errorf("%q is read as %+v, %v", name, f, ok)
		}
	}
}

// TestLuaCalculatesExactly compares counters.lua with arbitrary integers of 64 bits.
func TestLuaCalculatesExactly(t *testing.T) {
	r := newRig(t)
	calculate := redis.NewScript(countersLua + `
		local high, low = split(ARGV[1])
		local more, rest = split(ARGV[2])
		local sum = total(ARGV[1], ARGV[2])
		if type(sum) == 'number' then sum = string.format('%.0f', sum) end
		return {joined(high, low), joined(high + more, low + rest), sum or 'none', {high + more, low + rest}}`)
	edges := rapid.SampledFrom([]int64{0, 1, -1, 999_999_999, 1_000_000_000, -999_999_999, -1_000_000_000, -1_000_000_001,
		math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1, 1 << 53, -1 << 53, 999_999_999_999_999, -999_999_999_999_999})
	integers := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-2_000_000_000, 2_000_000_000), edges)
	rapid.Check(t, func(rt *rapid.T) {
		a, b := integers.Draw(rt, "a"), integers.Draw(rt, "b")
		reply, err := calculate.Run(r.Context(), r.client, nil, a, b).Slice()
		if err != nil {
			rt.Fatal(err)
		}
		exact := new(bigint.Int).Add(bigint.NewInt(a), bigint.NewInt(b))
		total := "none"
		if exact.IsInt64() {
			total = exact.String()
		}
		want := fmt.Sprint([]any{strconv.FormatInt(a, 10), exact, total})
		if got := fmt.Sprint(reply[:3]); got != want {
			rt.Errorf("%d and %d make %s, want %s", a, b, got, want)
		}
		parts, _ := reply[3].([]any)
		if got := join(parts[0].(int64), parts[1].(int64)); exact.IsInt64() && got != max(exact.Int64(), -math.MaxInt64) {
			rt.Errorf("%d and %d are joined to %d, want %s", a, b, got, exact)
		}
	})
}

// TestCountersMayFall takes back more than a minute has, of what another minute has.
func TestCountersMayFall(t *testing.T) {
	const step = 5_000_000_000 // more than one part of a split amount
	r := newRig(t)
	r.add(chat(2*step), lateChat(9, step))
	r.add(Counter{Minute: now, Day: today, Tenant: "acme", Feature: "chat", Amounts: meter.Amounts{-3 * step, -1}})
	if got := r.tokens("acme"); got != 0 {
		t.Errorf("%d tokens, want 0", got)
	}
	r.add(lateChat(9, -2*step-1))
	if got := r.tokens("acme"); got != -2*step-1 {
		t.Errorf("%d tokens, want %d", got, -2*step-1)
	}
	features := r.features(Query{Tenants: []meter.TenantDays{{Tenant: "acme", From: today, To: today + 1}}})[0]
	if len(features) != 1 || features[0].Used[meter.Tokens] != -2*step-1 || features[0].Used[meter.Events] != 2 {
		t.Errorf("features %+v", features)
	}
	var days, minutes int64
	for _, s := range r.seal(now + 1).Sums {
		sum := r.sum(s.ID)
		days += sum.Days[DayKey{"acme", today, "chat"}][meter.Tokens]
		for _, n := range sum.Minutes {
			minutes += n[meter.Tokens]
		}
	}
	if days != -2*step-1 || minutes != days {
		t.Errorf("sums have %d tokens by day and %d by minute, want %d", days, minutes, -2*step-1)
	}
}
