package prices

import (
	"cmp"
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

// View is a price as JSON shows it.
type View struct {
	Tenant           *string   `json:"tenant"`   // null: the list price
	Provider         *string   `json:"provider"` // null: every provider
	Model            string    `json:"model"`
	ServiceTier      string    `json:"serviceTier"`
	Pool             string    `json:"pool"`
	AboveInputTokens int64     `json:"aboveInputTokens"`
	Inclusive        bool      `json:"inclusive"`
	Price            *string   `json:"price"` // decimal, for 1,000,000 tokens; null: withdrawn
	EffectiveFrom    time.Time `json:"effectiveFrom"`
	Shipped          bool      `json:"shipped"`
	Source           string    `json:"source"`
	CheckedAt        time.Time `json:"checkedAt"`
}

// ViewOf shows a row under the name of its tenant that people see.
func ViewOf(r price.Row, tenant string) View {
	v := View{Model: r.Model, ServiceTier: r.Tier.String(), Pool: r.Pool.String(),
		AboveInputTokens: r.Above, Inclusive: r.Inclusive, EffectiveFrom: r.From, Shipped: r.Shipped,
		Source: r.Source, CheckedAt: r.CheckedAt}
	if r.Tenant != "" {
		v.Tenant = &tenant
	}
	if r.Provider != "" {
		v.Provider = &r.Provider
	}
	if !r.Withdrawn {
		text := r.Price.String()
		v.Price = &text
	}
	return v
}

// Filter says which prices to show. The zero Filter shows those that hold now or later.
type Filter struct {
	Tenant, Provider, Model string // "" is any
	All                     bool   // also those that hold no more
}

// Select picks prices, in order of model.
func Select(rows []price.Row, f Filter, now time.Time) (picked []price.Row) {
	type of struct {
		price.Key
		shipped bool
	}
	current := map[of]time.Time{}
	for _, r := range rows {
		at := of{r.Key, r.Shipped}
		if !r.From.After(now) && r.From.After(current[at]) {
			current[at] = r.From
		}
	}
	provider := price.CanonicalProvider(f.Provider)
	for _, r := range rows {
		past := r.From.Before(current[of{r.Key, r.Shipped}]) || r.Withdrawn && !r.From.After(now)
		if past && !f.All || f.Tenant != "" && f.Tenant != r.Tenant ||
			f.Model != "" && f.Model != r.Model || provider != "" && provider != r.Provider {
			continue
		}
		picked = append(picked, r)
	}
	slices.SortStableFunc(picked, func(a, b price.Row) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Provider, b.Provider),
			cmp.Compare(a.Tenant, b.Tenant), boolOrder(a.Shipped, b.Shipped), cmp.Compare(a.Tier, b.Tier),
			cmp.Compare(a.Above, b.Above), a.From.Compare(b.From), cmp.Compare(a.Pool, b.Pool))
	})
	return picked
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Finding is something about the prices that a person should look at.
type Finding struct{ What, Why string }

// staleAfter is the age from which a price should be compared with its source again.
const staleAfter = 180 * 24 * time.Hour

// Check looks for prices that may be wrong or missing.
func Check(rows []price.Row, names []price.Name, now time.Time) (findings []Finding) {
	b := price.NewBook(rows, names)
	type offer struct {
		provider, model string
		tier            meter.ServiceTier
	}
	seen := map[offer]bool{}
	oldest := now
	for _, r := range Select(rows, Filter{}, now) {
		if r.CheckedAt.Before(oldest) {
			oldest = r.CheckedAt
		}
		o := offer{r.Provider, r.Model, r.Tier}
		if r.Tenant != "" || seen[o] {
			continue
		}
		seen[o] = true
		key := price.Key{Provider: o.provider, Model: o.model, Tier: o.tier}
		findings = append(findings, checkOffer(b, key, now)...)
	}
	if now.Sub(oldest) > staleAfter {
		findings = append(findings, Finding{"all", "the oldest price was compared with its source on " +
			oldest.Format(time.DateOnly) + ": import a newer list"})
	}
	return findings
}

// checkOffer compares the prices of one model in one service tier with each other.
func checkOffer(b *price.Book, key price.Key, now time.Time) (findings []Finding) {
	rate := func(tier meter.ServiceTier, pool meter.Pool) (meter.TokenPrice, bool) {
		key := key
		key.Tier, key.Pool = tier, pool
		return b.Rate(key, now)
	}
	what := key.Model + " (" + cmp.Or(key.Provider, "every provider") + ", " + key.Tier.String() + ")"
	found := func(why string) { findings = append(findings, Finding{what, why}) }
	input, hasInput := rate(key.Tier, meter.Input)
	if read, ok := rate(key.Tier, meter.CacheRead); ok && hasInput && read > input {
		found("cacheRead costs " + read.String() + ", more than input at " + input.String())
	}
	if _, ok := rate(key.Tier, meter.Output); ok {
		if _, ok := rate(key.Tier, meter.Reasoning); !ok {
			found("output has a price and reasoning has none: events with reasoning are unpriced")
		}
	}
	if key.Tier == meter.TierStandard {
		return findings
	}
	for _, pool := range []meter.Pool{meter.Input, meter.Output} {
		here, ok := rate(key.Tier, pool)
		standard, listed := rate(meter.TierStandard, pool)
		switch {
		case !ok || !listed:
		case key.Tier == meter.TierPriority && here < standard:
			found(pool.String() + " costs less than in standard")
		case key.Tier != meter.TierPriority && here > standard:
			found(pool.String() + " costs more than in standard")
		}
	}
	return findings
}
