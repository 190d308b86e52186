package price

import "github.com/eduardosanzb/flagmeter/internal/meter"

// rates are the prices of the pools that a call uses.
type rates [meter.NumPools]meter.TokenPrice

// rates looks up the prices of the pools that c uses. Without a provider, all offers must agree
// that have the call's service tier.
func (b *Book) rates(c *Call, prices *rates) Quote {
	provider, own := CanonicalProvider(c.Provider), b.tenants[c.Tenant]
	offers := b.find(provider, c.Model)
	if len(offers) == 0 && own != nil {
		offers = at(own.offers[c.Model], provider)
	}
	if len(offers) == 0 {
		return Quote{Why: UnknownModel}
	}
	found := false
	for i := range offers {
		sheets := sheetsOf(own, &offers[i], provider, c.Model)
		if !sheets.have(c.Tier) {
			continue
		}
		var these rates
		if pool, ok := sheets.rates(c, &these); !ok {
			return Quote{Why: NoRate, Pool: pool}
		}
		if pool := differ(prices, &these); found && pool < meter.NumPools {
			return Quote{Why: Disagree, Pool: pool}
		}
		*prices, found = these, true
	}
	if !found {
		return Quote{Why: NoTier}
	}
	return Quote{}
}

// differ is the first pool whose prices are not the same, or meter.NumPools.
func differ(a, b *rates) meter.Pool {
	for i := range a {
		if a[i] != b[i] {
			return meter.Pool(i)
		}
	}
	return meter.NumPools
}

// sheets are the prices of one offer, what wins first: up to four of the tenant's and four of the
// list. An array needs no memory of the heap.
type sheets struct {
	all [8]*sheet
	n   int
}

// sheetsOf collects them. The tenant's are about the name that the call has, then about the model
// that it leads to; of each, those for the provider, then those for all.
func sheetsOf(own *ownBook, o *offer, provider, name string) (s sheets) {
	if provider == "" {
		provider = o.provider
	}
	if own != nil {
		s.add(own.sheets[name], provider)
		if o.model != name {
			s.add(own.sheets[o.model], provider)
		}
	}
	s.n += copy(s.all[s.n:], o.sheets)
	return s
}

func (s *sheets) add(own []ownSheet, provider string) {
	for _, one := range own {
		if one.provider == provider || one.provider == "" {
			s.all[s.n] = one.sheet
			s.n++
		}
	}
}

// have reports whether any price is for a service tier, whenever it holds.
func (s *sheets) have(tier meter.ServiceTier) bool {
	for _, one := range s.all[:s.n] {
		if one[tier] != nil {
			return true
		}
	}
	return false
}

// rates fills in the prices of the pools that a call uses. If one has none, it is the first such.
func (s *sheets) rates(c *Call, prices *rates) (meter.Pool, bool) {
	input, _ := c.Usage.InputTotal() // at most the total, which adds up
	at := c.At.UnixMicro()
	for i, n := range c.Usage {
		if n == 0 {
			continue
		}
		price, ok := s.rate(c.Tier, meter.Pool(i), at, input)
		if !ok {
			return meter.Pool(i), false
		}
		prices[i] = price
	}
	return 0, true
}

// rate is the price of a pool.
func (s *sheets) rate(
	tier meter.ServiceTier, pool meter.Pool, at, input int64,
) (price meter.TokenPrice, ok bool) {
	for _, one := range s.all[:s.n] {
		if price, ok = one.rate(tier, pool, at, input); ok {
			return price, true
		}
	}
	return 0, false
}
