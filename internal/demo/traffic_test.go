package demo

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

func TestTenantsAreValid(t *testing.T) {
	tenants := Tenants()
	if len(tenants) != 6 {
		t.Errorf("got %d tenants", len(tenants))
	}
	names := map[string]bool{"acme-corp": true}
	for _, tt := range tenants {
		if names[tt.Name] || meter.CheckName(tt.Name) != "" {
			t.Errorf("name %q is taken or invalid", tt.Name)
		}
		names[tt.Name] = true
		if tt.Quota < 0 || tt.BillingDay < 1 || tt.BillingDay > 31 || tt.Zone == nil ||
			!slices.IsSorted(tt.Thresholds) {
			t.Errorf("%+v", tt)
		}
	}
}

// A demo left alone must not run away: live traffic is about a quota a month.
func TestLivePaceFitsTheQuota(t *testing.T) {
	for _, p := range profiles() {
		var mean, shares float64
		for _, f := range p.features {
			mean += f.share * f.median * math.Exp(spread*spread/2)
			shares += f.share
		}
		if math.Abs(shares-1) > 1e-9 {
			t.Errorf("%s: shares add up to %v", p.tenant.Name, shares)
		}
		month := p.rate * mean * 30 * 24 * 3600
		quota := float64(p.tenant.Quota)
		if quota > 0 && !p.showcase && (month < quota/2 || month > quota*1.5) {
			t.Errorf("%s: %.0f tokens a month, quota %.0f", p.tenant.Name, month, quota)
		}
	}
}

// The rules of the API and of the billing period, at many instants of two years.
func TestHistoryStaysWithinPeriodAndLimits(t *testing.T) {
	end := time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, p := range profiles() {
		for now := end.AddDate(-2, 0, 0); now.Before(end); now = now.Add(463*time.Hour + 7*time.Second) {
			start := p.tenant.Period(now).Start
			events := history(p, p.history, start, now, 1)
			if len(events) == 0 || len(events) > meter.MaxEvents {
				t.Fatalf("%s at %v: %d events", p.tenant.Name, now, len(events))
			}
			ids := map[string]bool{}
			var sum int64
			for _, e := range events {
				if e.Timestamp.Before(start) || e.Timestamp.After(now) ||
					meter.CheckTime(e.Timestamp, now) != "" {
					t.Fatalf("%s at %v: event at %v, period from %v", p.tenant.Name, now, e.Timestamp, start)
				}
				if ids[e.ID] || meter.CheckName(e.ID) != "" || meter.CheckTokens(e.Tokens) != "" {
					t.Fatalf("%s at %v: %+v", p.tenant.Name, now, e)
				}
				ids[e.ID] = true
				sum += e.Tokens
			}
			if diff := sum - p.history; diff < 0 || diff > int64(len(events)) {
				t.Fatalf("%s at %v: %d tokens, want %d", p.tenant.Name, now, sum, p.history)
			}
		}
	}
}

func TestHistoryAtTheVeryStartOfThePeriod(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	events := history(profiles()[0], 1000, start, start, 1)
	if len(events) != 2 || !events[0].Timestamp.Equal(start) {
		t.Errorf("got %+v", events)
	}
}

func TestRhythmFollowsTheDay(t *testing.T) {
	day := func(d, h int) float64 { return rhythm(time.Date(2026, 3, d, h, 0, 0, 0, time.UTC)) }
	if day(18, 15) != 1.75 || math.Abs(day(18, 3)-0.25) > 1e-9 || math.Abs(day(21, 15)-0.7) > 1e-9 {
		t.Errorf("afternoon %v, night %v, Saturday %v", day(18, 15), day(18, 3), day(21, 15))
	}
}

func TestCallTokensAreHeavyTailed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := feature{"m", 1, 1000}
	calls := make([]int64, 20_000)
	var sum int64
	for i := range calls {
		calls[i] = callTokens(rng, f)
		sum += calls[i]
	}
	slices.Sort(calls)
	median, p99, mean := calls[len(calls)/2], calls[len(calls)*99/100], sum/int64(len(calls))
	if median < 950 || median > 1050 || mean < 1650 || mean > 2000 || p99 < 11_000 || p99 > 15_000 ||
		calls[0] < 1 {
		t.Errorf("median %d, mean %d, p99 %d, least %d", median, mean, p99, calls[0])
	}
	if n := callTokens(rng, feature{"m", 1, 1e9}); n != longestCall {
		t.Errorf("a call of %d tokens", n)
	}
	if n := callTokens(rng, feature{"m", 1, 1e-9}); n != 1 {
		t.Errorf("a call of %d tokens", n)
	}
}

func TestPickFollowsTheWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	weights, got := []float64{0, 3, 1, 0}, make([]int, 4)
	for range 8000 {
		got[pick(rng, 4, func(i int) float64 { return weights[i] })]++
	}
	if got[0] != 0 || got[3] != 0 || got[1] < 5800 || got[1] > 6200 {
		t.Errorf("got %v of 8000 for weights %v", got, weights)
	}
}

func TestShowcaseSlowsDownAndStops(t *testing.T) {
	a := actor{profile: profiles()[0]}
	night := time.Date(2026, 3, 21, 3, 0, 0, 0, time.UTC)
	for _, step := range []struct{ percent, pace float64 }{
		{0, 0.3}, {80.5, 0.3}, {81, 0.015}, {96.99, 0.015}, {97, 0}, {120, 0},
	} {
		a.percent = step.percent
		if got := a.pace(night); math.Abs(got-step.pace) > 1e-9 {
			t.Errorf("at %v %%: %v events a second, want %v", step.percent, got, step.pace)
		}
	}
}
