package price

import (
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// TestCostsAreThoseOfRationalNumbers compares costs with sums of fractions, over random pools,
// prices, service tiers, context tiers and times, of a tenant and of others.
func TestCostsAreThoseOfRationalNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := drawRows(t)
		b := NewBook(rows, nil)
		for range 5 {
			c := drawCall(t)
			q, err := b.Cost(c)
			want, why := slowly(rows, c)
			switch {
			case why == "too dear":
				if !errors.Is(err, ErrTooDear) {
					t.Fatalf("%+v costs %+v, %v; want %v\n%+v", c, q, err, ErrTooDear, rows)
				}
			case why != "":
				if err != nil || q.Priced() {
					t.Fatalf("%+v costs %+v, %v; but it %s\n%+v", c, q, err, why, rows)
				}
			case err != nil || !q.Priced() || want.Cmp(big.NewInt(int64(q.Cost))) != 0:
				t.Fatalf("%+v costs %+v, %v; want %s\n%+v", c, q, err, want, rows)
			}
		}
	})
}

func drawRows(t *rapid.T) (rows []Row) {
	seen := map[string]bool{}
	for range rapid.IntRange(1, 40).Draw(t, "rows") {
		r := Row{
			Key: Key{
				Tenant:   rapid.SampledFrom([]string{"", "", "acme"}).Draw(t, "tenant"),
				Provider: rapid.SampledFrom([]string{"", "p"}).Draw(t, "provider"), Model: "m",
				Tier:  meter.ServiceTier(rapid.IntRange(0, 1).Draw(t, "tier")),
				Pool:  meter.Pool(rapid.IntRange(0, int(meter.NumPools)-1).Draw(t, "pool")),
				Above: rapid.SampledFrom([]int64{0, 0, 100, 200_000}).Draw(t, "above"),
			},
			Inclusive: rapid.Bool().Draw(t, "inclusive"),
			From:      noon.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "from")) * time.Hour),
			Withdrawn: rapid.IntRange(0, 9).Draw(t, "withdrawn") == 0,
		}
		r.Shipped = r.Tenant == "" && r.Provider != "" && rapid.Bool().Draw(t, "shipped")
		if !r.Withdrawn {
			r.Price = meter.TokenPrice(rapid.Int64Range(0, int64(meter.MaxTokenPrice)).Draw(t, "price"))
		}
		key := fmt.Sprint(r.Key, r.From, r.Shipped)
		if !seen[key] {
			rows = append(rows, r)
		}
		seen[key] = true
	}
	return rows
}

func drawCall(t *rapid.T) Call {
	c := Call{Tenant: rapid.SampledFrom([]string{"acme", "zed"}).Draw(t, "who"), Provider: "p", Model: "m",
		Tier: meter.ServiceTier(rapid.IntRange(0, 1).Draw(t, "in tier")),
		At:   noon.Add(time.Duration(rapid.IntRange(-120, 120).Draw(t, "at")) * time.Minute)}
	for range rapid.IntRange(0, 4).Draw(t, "pools") {
		pool := rapid.IntRange(0, int(meter.NumPools)-1).Draw(t, "of pool")
		c.Usage[pool] = rapid.OneOf(rapid.Int64Range(0, 1000), rapid.SampledFrom([]int64{100, 101, 200_000, 200_001}),
			rapid.Int64Range(0, 1<<50)).Draw(t, "tokens")
	}
	return c
}

// slowly is the rules in their plainest form.
func slowly(rows []Row, c Call) (cost *big.Int, why string) {
	var input int64
	for _, pool := range []meter.Pool{meter.Input, meter.CacheRead, meter.CacheWrite, meter.CacheWrite1h,
		meter.AudioInput, meter.ImageInput} {
		input += c.Usage[pool]
	}
	sum := new(big.Rat)
	for pool, tokens := range c.Usage {
		if tokens == 0 {
			continue
		}
		price, ok := slowRate(rows, c, meter.Pool(pool), input)
		if !ok {
			return nil, "has no price for " + meter.Pool(pool).String()
		}
		sum.Add(sum, new(big.Rat).Mul(big.NewRat(tokens, 1), big.NewRat(int64(price), 1_000_000)))
	}
	sum.Add(sum, big.NewRat(1, 2)) // rounds half up
	cost = new(big.Int).Div(sum.Num(), sum.Denom())
	if cost.Cmp(big.NewInt(1_000_000_000_000_000)) > 0 {
		return nil, "too dear"
	}
	return cost, ""
}

func slowRate(rows []Row, c Call, pool meter.Pool, input int64) (meter.TokenPrice, bool) {
	for _, layer := range []func(Row) bool{
		func(r Row) bool { return r.Tenant == c.Tenant && r.Provider == "p" },
		func(r Row) bool { return r.Tenant == c.Tenant && r.Provider == "" },
		func(r Row) bool { return r.Tenant == "" && r.Provider == "p" && !r.Shipped },
		func(r Row) bool { return r.Tenant == "" && r.Provider == "" },
		func(r Row) bool { return r.Tenant == "" && r.Provider == "p" && r.Shipped },
	} {
		for _, above := range []int64{200_000, 100, 0} {
			var last *Row
			for _, r := range rows {
				if layer(r) && r.Tier == c.Tier && r.Pool == pool && r.Above == above && !r.From.After(c.At) &&
					(last == nil || r.From.After(last.From)) {
					last = &r
				}
			}
			if last == nil || last.Withdrawn {
				continue
			}
			if above == 0 || input > above || last.Inclusive && input >= above {
				return last.Price, true
			}
		}
	}
	return 0, false
}

func FuzzTotal(f *testing.F) {
	f.Add(int64(800), int64(3_000_000_000), int64(500), int64(15_000_000_000))
	f.Fuzz(func(t *testing.T, n, p, m, q int64) {
		if n < 0 || p < 0 || m < 0 || q < 0 {
			return
		}
		usage := meter.Pools{meter.Input: n, meter.ImageOutput: m}
		prices := rates{meter.Input: meter.TokenPrice(p), meter.ImageOutput: meter.TokenPrice(q)}
		sum := new(big.Int).Mul(big.NewInt(n), big.NewInt(p))
		sum.Add(sum, new(big.Int).Mul(big.NewInt(m), big.NewInt(q)))
		sum.Add(sum, big.NewInt(500_000)).Div(sum, big.NewInt(1_000_000))
		fits := sum.Cmp(big.NewInt(int64(meter.MaxCost))) <= 0
		if got, ok := total(&usage, &prices); ok != fits || fits && sum.Cmp(big.NewInt(int64(got))) != 0 {
			t.Fatalf("got %d, %v; want %s", got, ok, sum)
		}
	})
}
