package price

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

// at picks the offer of a provider, or else that of every provider. Without a provider it picks all,
// and that of every provider only if there is no other: the others include its prices.
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
