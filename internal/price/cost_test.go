package price

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

var (
	epoch = time.Unix(0, 0).UTC()
	noon  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
)

// list makes rows of one model, "pool=price" each, with what a change sets.
func list(t testing.TB, provider, model, prices string, change func(*Row)) (rows []Row) {
	t.Helper()
	for one := range strings.FieldsSeq(prices) {
		name, text, _ := strings.Cut(one, "=")
		pool, err := meter.ParsePool(name)
		if err != nil {
			t.Fatal(err)
		}
		r := Row{Key: Key{Provider: provider, Model: model, Pool: pool}, From: epoch}
		if r.Withdrawn = text == "none"; !r.Withdrawn {
			if r.Price, err = meter.ParseTokenPrice(text); err != nil {
				t.Fatal(err)
			}
		}
		if change != nil {
			change(&r)
		}
		rows = append(rows, r)
	}
	return rows
}

func join(groups ...[]Row) (all []Row) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

const sonnet = "input=3 output=15 cacheRead=0.30 cacheWrite=3.75"

func TestTheCostOfTheExample(t *testing.T) {
	b := NewBook(list(t, "anthropic", "claude", sonnet, nil), nil)
	q, err := b.Cost(Call{Provider: "anthropic", Model: "claude", At: noon, Usage: meter.Pools{
		meter.Input: 800, meter.CacheRead: 1000, meter.CacheWrite: 200, meter.Output: 500}})
	if err != nil || !q.Priced() || q.Cost != 10_950_000 || q.Cost.String() != "0.01095" {
		t.Errorf("%+v, %v; want 10950000 nano", q, err)
	}
}

// TestWhichPriceWins has a row for each rule of the package's comment.
func TestWhichPriceWins(t *testing.T) {
	above := func(tokens int64) func(*Row) { return func(r *Row) { r.Above = tokens } }
	from := func(at time.Time) func(*Row) { return func(r *Row) { r.From = at } }
	tier := func(tier meter.ServiceTier) func(*Row) { return func(r *Row) { r.Tier = tier } }
	tenant := func(name string) func(*Row) { return func(r *Row) { r.Tenant = name } }
	shipped := func(r *Row) { r.Shipped = true }
	in := meter.Pools{meter.Input: 1_000_000}
	both := meter.Pools{meter.Input: 1_000_000, meter.Output: 1_000_000}

	for name, c := range map[string]struct {
		rows  []Row
		names []Name
		call  Call
		want  string // the cost, or a reason and a pool
	}{
		"exact name": {rows: list(t, "p", "m", "input=3", nil),
			call: Call{Provider: "p", Model: "m", Usage: in}, want: "3"},
		"another spelling is another model": {rows: list(t, "p", "m", "input=3", nil),
			call: Call{Provider: "p", Model: "M", Usage: in}, want: "names a model without prices"},
		"no model": {rows: list(t, "p", "m", "input=3", nil),
			call: Call{Provider: "p", Usage: in}, want: "names no model"},
		"a name that only begins like one": {rows: list(t, "p", "m", "input=3", nil),
			call: Call{Provider: "p", Model: "m-2", Usage: in}, want: "names a model without prices"},
		"no tokens": {call: Call{Model: "m"}, want: "0"},
		"free": {rows: list(t, "p", "m", "input=0", nil),
			call: Call{Provider: "p", Model: "m", Usage: in}, want: "0"},
		"a pool without a price": {rows: list(t, "p", "m", "input=3", nil),
			call: Call{Provider: "p", Model: "m", Usage: both}, want: "has tokens in a pool without a price: output"},
		"unspecified": {rows: list(t, "p", "m", "unspecified=2", nil),
			call: Call{Provider: "p", Model: "m", Usage: meter.Pools{meter.Unspecified: 500_000}}, want: "1"},

		"alias": {rows: list(t, "p", "m", "input=3", nil), names: []Name{{Provider: "p", Name: "em", Model: "m"}},
			call: Call{Provider: "p", Model: "em", Usage: in}, want: "3"},
		"alias for every provider": {rows: list(t, "p", "m", "input=3", nil), names: []Name{{Name: "em", Model: "m"}},
			call: Call{Provider: "p", Model: "em", Usage: in}, want: "3"},
		"alias of another provider": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "q", "m", "input=4", nil)),
			names: []Name{{Provider: "q", Name: "em", Model: "m"}},
			call:  Call{Provider: "p", Model: "em", Usage: in}, want: "names a model without prices"},
		"alias of one provider for a price of every": {rows: list(t, "", "m", "input=3", nil),
			names: []Name{{Provider: "q", Name: "em", Model: "m"}},
			call:  Call{Provider: "q", Model: "em", Usage: in}, want: "3"},
		"alias that leads nowhere any more": {rows: list(t, "p", "m", "input=3", nil),
			names: []Name{{Name: "em", Model: "m"}, {Name: "em"}},
			call:  Call{Provider: "p", Model: "em", Usage: in}, want: "names a model without prices"},
		"the latest alias": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "n", "input=4", nil)),
			names: []Name{{Name: "em", Model: "m"}, {Name: "em", Model: "n"}},
			call:  Call{Provider: "p", Model: "em", Usage: in}, want: "4"},
		"the operator's alias": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "n", "input=4", nil)),
			names: []Name{{Name: "em", Model: "m"}, {Name: "em", Model: "n", Shipped: true}},
			call:  Call{Provider: "p", Model: "em", Usage: in}, want: "3"},
		"exact before alias": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "em", "input=4", nil)),
			names: []Name{{Name: "em", Model: "m"}},
			call:  Call{Provider: "p", Model: "em", Usage: in}, want: "4"},

		"pattern": {rows: list(t, "p", "m", "input=3", nil), names: []Name{{Name: "m-####-##-##", Model: "m"}},
			call: Call{Provider: "p", Model: "m-2024-08-06", Usage: in}, want: "3"},
		"pattern with an end": {rows: list(t, "p", "m", "input=3", nil), names: []Name{{Name: "m-########-v#:0", Model: "m"}},
			call: Call{Provider: "p", Model: "m-20240806-v1:0", Usage: in}, want: "3"},
		"not the pattern": {rows: list(t, "p", "m", "input=3", nil), names: []Name{{Name: "m-####-##-##", Model: "m"}},
			call: Call{Provider: "p", Model: "m-2024-08-0x", Usage: in}, want: "names a model without prices"},
		"longer than the pattern": {rows: list(t, "p", "m", "input=3", nil), names: []Name{{Name: "m-####-##-##", Model: "m"}},
			call: Call{Provider: "p", Model: "m-mini-2024-08-06", Usage: in}, want: "names a model without prices"},
		"exact before pattern": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "m-2024-05-13", "input=5", nil)),
			names: []Name{{Name: "m-####-##-##", Model: "m"}},
			call:  Call{Provider: "p", Model: "m-2024-05-13", Usage: in}, want: "5"},
		"the pattern with more letters": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "n", "input=5", nil)),
			names: []Name{{Name: "m-####", Model: "m"}, {Name: "m-20##", Model: "n"}},
			call:  Call{Provider: "p", Model: "m-2024", Usage: in}, want: "5"},

		"another provider": {rows: list(t, "p", "m", "input=3", nil),
			call: Call{Provider: "q", Model: "m", Usage: in}, want: "names a model without prices"},
		"another name of the provider": {rows: list(t, "gcp.gemini", "m", "input=3", nil),
			call: Call{Provider: "google", Model: "m", Usage: in}, want: "3"},
		"a price for every provider": {rows: list(t, "", "m", "input=3", nil),
			call: Call{Provider: "q", Model: "m", Usage: in}, want: "3"},
		"the provider's own price": {rows: join(list(t, "", "m", "input=3", nil), list(t, "q", "m", "input=4", nil)),
			call: Call{Provider: "q", Model: "m", Usage: in}, want: "4"},
		"the provider's own price, and one for every provider": {
			rows: join(list(t, "", "m", "input=3 output=5", nil), list(t, "q", "m", "input=4", nil)),
			call: Call{Provider: "q", Model: "m", Usage: both}, want: "9"},
		"no provider, one lists it": {rows: list(t, "p", "m", "input=3", nil),
			call: Call{Model: "m", Usage: in}, want: "3"},
		"no provider, all agree": {rows: join(list(t, "p", "m", "input=3 output=4", nil), list(t, "q", "m", "input=3 output=5", nil)),
			call: Call{Model: "m", Usage: in}, want: "3"},
		"no provider, they differ": {rows: join(list(t, "p", "m", "input=3 output=4", nil), list(t, "q", "m", "input=3 output=5", nil)),
			call: Call{Model: "m", Usage: both}, want: "names no provider, and providers of the model differ in price: output"},
		"no provider, one has no price of a pool": {rows: join(list(t, "p", "m", "input=3 output=4", nil), list(t, "q", "m", "input=3", nil)),
			call: Call{Model: "m", Usage: both}, want: "has tokens in a pool without a price: output"},
		"no provider, one has not the tier": {
			rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "m", "input=1", tier(meter.TierBatch)), list(t, "q", "m", "input=3", nil)),
			call: Call{Model: "m", Tier: meter.TierBatch, Usage: in}, want: "1"},
		"no provider, a price for every provider wins over shipped ones": {
			rows: join(list(t, "p", "m", "input=3", shipped), list(t, "q", "m", "input=4", shipped), list(t, "", "m", "input=9", nil)),
			call: Call{Model: "m", Usage: in}, want: "9"},

		"the operator's over the shipped": {rows: join(list(t, "p", "m", "input=3 output=5", shipped), list(t, "p", "m", "input=2", nil)),
			call: Call{Provider: "p", Model: "m", Usage: both}, want: "7"},
		"the operator's, though older": {
			rows: join(list(t, "p", "m", "input=3", func(r *Row) { shipped(r); r.From = noon }), list(t, "p", "m", "input=2", nil)),
			call: Call{Provider: "p", Model: "m", At: noon, Usage: in}, want: "2"},
		"the operator's for every provider": {rows: join(list(t, "p", "m", "input=3", shipped), list(t, "", "m", "input=2", nil)),
			call: Call{Provider: "p", Model: "m", Usage: in}, want: "2"},
		"the operator's withdrawn": {rows: join(list(t, "p", "m", "input=3", shipped), list(t, "p", "m", "input=2", nil),
			list(t, "p", "m", "input=none", from(noon))),
			call: Call{Provider: "p", Model: "m", At: noon, Usage: in}, want: "3"},

		"negotiated, pool by pool": {rows: join(list(t, "p", "m", "input=3 output=5", nil), list(t, "p", "m", "input=1", tenant("acme"))),
			call: Call{Tenant: "acme", Provider: "p", Model: "m", Usage: both}, want: "6"},
		"negotiated by another": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "m", "input=1", tenant("acme"))),
			call: Call{Tenant: "zed", Provider: "p", Model: "m", Usage: in}, want: "3"},
		"negotiated for every provider": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "", "m", "input=1", tenant("acme"))),
			call: Call{Tenant: "acme", Provider: "p", Model: "m", Usage: in}, want: "1"},
		"negotiated for the provider and for all": {rows: join(list(t, "p", "m", "input=3", nil),
			list(t, "", "m", "input=1", tenant("acme")), list(t, "p", "m", "input=2", tenant("acme"))),
			call: Call{Tenant: "acme", Provider: "p", Model: "m", Usage: in}, want: "2"},
		"negotiated for the model of an alias": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "m", "input=1", tenant("acme"))),
			names: []Name{{Name: "em", Model: "m"}},
			call:  Call{Tenant: "acme", Provider: "p", Model: "em", Usage: in}, want: "1"},
		"negotiated for a snapshot": {rows: join(list(t, "p", "m", "input=3 output=5", nil), list(t, "p", "m-2024", "input=1", tenant("acme"))),
			names: []Name{{Name: "m-####", Model: "m"}},
			call:  Call{Tenant: "acme", Provider: "p", Model: "m-2024", Usage: both}, want: "6"},
		"a snapshot that another negotiated": {rows: join(list(t, "p", "m", "input=3 output=5", nil), list(t, "p", "m-2024", "input=1", tenant("acme"))),
			names: []Name{{Name: "m-####", Model: "m"}},
			call:  Call{Tenant: "zed", Provider: "p", Model: "m-2024", Usage: both}, want: "8"},
		"negotiated, and not on the list": {rows: list(t, "p", "m", "input=1", tenant("acme")),
			call: Call{Tenant: "acme", Provider: "p", Model: "m", Usage: in}, want: "1"},
		"negotiated for all, not on the list": {rows: list(t, "", "m", "input=1", tenant("acme")),
			call: Call{Tenant: "acme", Provider: "p", Model: "m", Usage: in}, want: "1"},
		"negotiated, not on the list, without a provider": {rows: list(t, "p", "m", "input=1", tenant("acme")),
			call: Call{Tenant: "acme", Model: "m", Usage: in}, want: "1"},
		"on no list, and another negotiated it": {rows: list(t, "p", "m", "input=1", tenant("acme")),
			call: Call{Tenant: "zed", Provider: "p", Model: "m", Usage: in}, want: "names a model without prices"},
		"negotiated for one provider of a price for every": {
			rows: join(list(t, "", "m", "input=3", nil), list(t, "p", "m", "input=1", tenant("acme"))),
			call: Call{Tenant: "acme", Provider: "p", Model: "m", Usage: in}, want: "1"},
		"negotiated price withdrawn": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "m", "input=1", tenant("acme")),
			list(t, "p", "m", "input=none", func(r *Row) { r.Tenant, r.From = "acme", noon })),
			call: Call{Tenant: "acme", Provider: "p", Model: "m", At: noon, Usage: in}, want: "3"},

		"before the new price": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "m", "input=4", from(noon))),
			call: Call{Provider: "p", Model: "m", At: noon.Add(-time.Microsecond), Usage: in}, want: "3"},
		"from the new price on": {rows: join(list(t, "p", "m", "input=4", from(noon)), list(t, "p", "m", "input=3", nil)),
			call: Call{Provider: "p", Model: "m", At: noon, Usage: in}, want: "4"},
		"before the first price": {rows: list(t, "p", "m", "input=3", from(noon)),
			call: Call{Provider: "p", Model: "m", At: epoch, Usage: in}, want: "has tokens in a pool without a price: input"},
		"withdrawn": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "m", "input=none", from(noon))),
			call: Call{Provider: "p", Model: "m", At: noon, Usage: in}, want: "has tokens in a pool without a price: input"},

		"batch": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "m", "input=1.5", tier(meter.TierBatch))),
			call: Call{Provider: "p", Model: "m", Tier: meter.TierBatch, Usage: in}, want: "1.5"},
		"a tier without prices": {rows: list(t, "p", "m", "input=3", nil),
			call: Call{Provider: "p", Model: "m", Tier: meter.TierFlex, Usage: in}, want: "names a service tier without prices"},
		"a tier that only a tenant has": {rows: join(list(t, "p", "m", "input=3", nil),
			list(t, "p", "m", "input=1", func(r *Row) { r.Tenant, r.Tier = "acme", meter.TierFlex })),
			call: Call{Tenant: "acme", Provider: "p", Model: "m", Tier: meter.TierFlex, Usage: in}, want: "1"},

		"just not above": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "m", "input=6", above(1_000_000))),
			call: Call{Provider: "p", Model: "m", Usage: in}, want: "3"},
		"at an inclusive limit": {rows: join(list(t, "p", "m", "input=3", nil),
			list(t, "p", "m", "input=6", func(r *Row) { r.Above, r.Inclusive = 1_000_000, true })),
			call: Call{Provider: "p", Model: "m", Usage: in}, want: "6"},
		"above, and the output pays too": {rows: join(list(t, "p", "m", "input=3 output=10", nil),
			list(t, "p", "m", "input=6 output=20", above(999_999))),
			call: Call{Provider: "p", Model: "m", Usage: both}, want: "26"},
		"cached input counts for the limit": {rows: join(list(t, "p", "m", "input=3 cacheRead=1", nil), list(t, "p", "m", "input=6", above(1_000_000))),
			call: Call{Provider: "p", Model: "m", Usage: meter.Pools{meter.Input: 1_000_000, meter.CacheRead: 1_000_000}}, want: "7"},
		"output does not": {rows: join(list(t, "p", "m", "input=3 output=1", nil), list(t, "p", "m", "input=6", above(1_000_000))),
			call: Call{Provider: "p", Model: "m", Usage: both}, want: "4"},
		"the highest limit": {rows: join(list(t, "p", "m", "input=6", above(10)), list(t, "p", "m", "input=9", above(100)), list(t, "p", "m", "input=3", nil)),
			call: Call{Provider: "p", Model: "m", Usage: in}, want: "9"},
		"a tier withdrawn": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "m", "input=6", above(10)),
			list(t, "p", "m", "input=none", func(r *Row) { r.Above, r.From = 10, noon })),
			call: Call{Provider: "p", Model: "m", At: noon, Usage: in}, want: "3"},
		"a negotiated price is for any input": {rows: join(list(t, "p", "m", "input=3", nil), list(t, "p", "m", "input=6", above(10)), list(t, "p", "m", "input=1", tenant("acme"))),
			call: Call{Tenant: "acme", Provider: "p", Model: "m", Usage: in}, want: "1"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.call.At.IsZero() {
				c.call.At = noon
			}
			q, err := NewBook(c.rows, c.names).Cost(c.call)
			got := q.Cost.String()
			if !q.Priced() {
				got = q.Why.String()
				if q.Why == NoRate || q.Why == Disagree {
					got += ": " + q.Pool.String()
				}
			}
			if got != c.want || err != nil {
				t.Errorf("got %s, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestCostIsRoundedOnceAnEvent(t *testing.T) {
	rows := list(t, "p", "m", "input=0.000000001 output=0.000000001", nil) // 1 nano for 1,000,000
	b := NewBook(rows, nil)
	for _, c := range []struct{ input, output, want int64 }{
		{499_999, 0, 0}, {500_000, 0, 1}, {250_000, 250_000, 1}, {250_000, 249_999, 0},
		{1_499_999, 0, 1}, {1_000_000, 500_000, 2},
	} {
		q, err := b.Cost(Call{Model: "m", At: noon, Usage: meter.Pools{meter.Input: c.input, meter.Output: c.output}})
		if err != nil || !q.Priced() || int64(q.Cost) != c.want {
			t.Errorf("%+v costs %+v, %v", c, q, err)
		}
	}
}

func TestAnEventCostsAtMostAMillion(t *testing.T) {
	b := NewBook(list(t, "p", "m", "input=1000000 output=0.000000001 cacheRead=1000000 cacheWrite=1000000", nil), nil)
	for _, c := range []struct {
		usage meter.Pools
		want  error
	}{
		{meter.Pools{meter.Input: 1_000_000}, nil},
		{meter.Pools{meter.Input: 1_000_000, meter.Output: 499_999}, nil},
		{meter.Pools{meter.Input: 1_000_000, meter.Output: 500_000}, ErrTooDear},
		{meter.Pools{meter.Input: 1_000_001}, ErrTooDear},
		{meter.Pools{meter.Input: math.MaxInt64}, ErrTooDear},
		{meter.Pools{meter.Input: math.MaxInt64 / 3, meter.CacheRead: math.MaxInt64 / 3, meter.CacheWrite: math.MaxInt64 / 3}, ErrTooDear},
		{meter.Pools{meter.Input: math.MaxInt64, meter.Output: 1}, ErrUsage},
		{meter.Pools{meter.Input: -1, meter.Output: 1}, ErrUsage},
	} {
		q, err := b.Cost(Call{Model: "m", At: noon, Usage: c.usage})
		if !errors.Is(err, c.want) || err == nil && q.Cost != meter.MaxCost {
			t.Errorf("%v costs %+v, %v; want %v", c.usage, q, err, c.want)
		}
	}
}
