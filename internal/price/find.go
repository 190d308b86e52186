package price

import (
	"maps"
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// find returns what is offered under a name: by the provider, or by all that list it if provider is
// "". The first of exact names, aliases and patterns that finds an offer decides.
func (b *Book) find(provider, name string) []offer {
	if l := b.names[name]; l != nil {
		if found := at(l.exact, provider); len(found) > 0 {
			return found
		}
		if found := at(l.alias, provider); len(found) > 0 {
			return found
		}
	}
	for i := range b.shapes {
		s := &b.shapes[i]
		if !hasShape(name, s.shape) {
			continue
		}
		if found := at(s.prefixes[name[:len(name)-len(s.shape)]], provider); len(found) > 0 {
			return found
		}
	}
	return nil
}

// at picks the offer of a provider, or else that of every provider. Without a provider it picks
// all, and that of every provider only if there is no other: the others include its prices.
func at(offers []offer, provider string) []offer {
	if provider == "" {
		if n := len(offers); n > 1 && offers[n-1].provider == "" {
			return offers[:n-1]
		}
		return offers
	}
	for i := range offers {
		if o := offers[i].provider; o == provider || o == "" {
			return offers[i : i+1]
		}
	}
	return nil
}

// Model is the name under which a provider's model has its prices, "" if it has none. Without a
// provider it is that of the first one, by name.
func (b *Book) Model(provider, name string) string {
	if found := b.find(CanonicalProvider(provider), name); len(found) > 0 {
		return found[0].model
	}
	return ""
}

// Rate is what one pool of a model costs at an instant, in the context tier of key and by the exact
// name of its model. For a tenant it is what that pays, and without one the list price.
func (b *Book) Rate(key Key, at time.Time) (meter.TokenPrice, bool) {
	input := key.Above
	if input > 0 {
		input++ // above it
	}
	nothing := offer{provider: key.Provider, model: key.Model}
	found := &nothing
	if l := b.names[key.Model]; l != nil {
		for i := range l.exact {
			if o := &l.exact[i]; o.provider == key.Provider || key.Provider != "" && o.provider == "" {
				found = o
				break
			}
		}
	}
	s := sheetsOf(b.tenants[key.Tenant], found, key.Provider, key.Model)
	return s.rate(key.Tier, key.Pool, at.UnixMicro(), input)
}

// Limits are the context tiers in which a pool of a model has prices at an instant, and 0.
func (b *Book) Limits(key Key, at time.Time) []int64 {
	limits := map[int64]bool{0: true}
	if l := b.names[key.Model]; l != nil {
		for _, o := range l.exact {
			if key.Provider != "" && o.provider != key.Provider && o.provider != "" {
				continue
			}
			for _, s := range o.sheets {
				if s[key.Tier] == nil {
					continue
				}
				for _, st := range s[key.Tier][key.Pool] {
					if st.from <= at.UnixMicro() {
						limits[st.above] = true
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(limits))
}

// Providers are those that list a model by its exact name, "" among them if every provider does.
func (b *Book) Providers(model string) (providers []string) {
	if l := b.names[model]; l != nil {
		for _, o := range l.exact {
			providers = append(providers, o.provider)
		}
	}
	return providers
}
