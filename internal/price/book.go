package price

import (
	"cmp"
	"maps"
	"slices"
)

// Book is all prices at one moment. It is immutable. The zero Book has no price.
type Book struct {
	names map[string]*listing
	// shapes hold the patterns by how they end, the shortest end first: of two patterns that match
	// a name, the one with the longer literal beginning wins.
	shapes  []shaped
	tenants map[string]*ownBook // by the tenant's key
	rows    int
}

// listing is who offers what a name leads to.
type listing struct{ exact, alias []offer }

// offer is a model at a provider.
type offer struct {
	provider string // "" is every provider
	model    string
	sheets   []*sheet // what wins comes first
}

// shaped are the patterns that end alike, by their beginning.
type shaped struct {
	shape    string
	prefixes map[string][]offer
}

// ownBook is what a tenant negotiated, by the names of models.
type ownBook struct {
	sheets map[string][]ownSheet
	offers map[string][]offer // who offers a model of which only tenants have prices
}

// ownSheet is prices that a tenant negotiated about one model.
type ownSheet struct {
	provider string
	sheet    *sheet
}

// place is where the rows of one sheet belong.
type place struct {
	tenant, provider, model string
	shipped                 bool
}

// NewBook makes a book of the rows of both tables, names in the order in which they were declared.
func NewBook(rows []Row, names []Name) *Book {
	b := &Book{names: map[string]*listing{}, tenants: map[string]*ownBook{},
		rows: len(rows)}
	sheets := map[place]*sheet{}
	for _, r := range rows {
		p := place{r.Tenant, r.Provider, r.Model, r.Shipped && r.Tenant == ""}
		if sheets[p] == nil {
			sheets[p] = new(sheet)
		}
		sheets[p].add(r)
	}
	models := map[string][]string{} // the providers of each
	for p, s := range sheets {
		s.sort()
		if p.tenant != "" {
			b.addOwn(p, s)
		} else if !slices.Contains(models[p.model], p.provider) {
			models[p.model] = append(models[p.model], p.provider)
		}
	}
	offers := map[string][]offer{}
	for model, providers := range models {
		slices.Sort(providers)
		for _, provider := range providers {
			listed := offer{provider, model, inOrder(sheets, provider, model)}
			offers[model] = append(offers[model], listed)
		}
		b.listing(model).exact = lastAny(offers[model])
	}
	b.declare(names, offers)
	return b
}

// inOrder is the list prices of a model at a provider, what wins first.
func inOrder(sheets map[place]*sheet, provider, model string) (found []*sheet) {
	for _, shipped := range []bool{false, true} {
		for _, at := range slices.Compact([]string{provider, ""}) {
			if s := sheets[place{"", at, model, shipped}]; s != nil {
				found = append(found, s)
			}
		}
	}
	return found
}

func (b *Book) addOwn(p place, s *sheet) {
	own := b.tenants[p.tenant]
	if own == nil {
		own = &ownBook{map[string][]ownSheet{}, map[string][]offer{}}
		b.tenants[p.tenant] = own
	}
	of := append(own.sheets[p.model], ownSheet{p.provider, s})
	slices.SortFunc(of, func(x, y ownSheet) int { return cmp.Compare(y.provider, x.provider) })
	own.sheets[p.model] = of // "" is last
	offers := append(own.offers[p.model], offer{provider: p.provider, model: p.model})
	own.offers[p.model] = lastAny(offers)
}

func (b *Book) listing(name string) *listing {
	if b.names[name] == nil {
		b.names[name] = new(listing)
	}
	return b.names[name]
}

// declare adds aliases and patterns. The latest of the operator's wins, else the latest that came
// with the program.
func (b *Book) declare(names []Name, offers map[string][]offer) {
	for _, declared := range inForce(names) {
		for _, o := range offers[declared.Model] {
			if declared.Provider != "" && o.provider != declared.Provider {
				if o.provider != "" {
					continue
				}
				// Every provider offers the model, so the alias holds at its own.
				o.provider = declared.Provider
			}
			b.add(declared.Name, o)
		}
	}
	for _, l := range b.names {
		l.alias = lastAny(l.alias)
	}
	for _, s := range b.shapes {
		for prefix, of := range s.prefixes {
			s.prefixes[prefix] = lastAny(of)
		}
	}
	slices.SortFunc(b.shapes, func(x, y shaped) int {
		return cmp.Or(cmp.Compare(len(x.shape), len(y.shape)), cmp.Compare(x.shape, y.shape))
	})
}

// add lets a name lead to an offer, unless it leads to another one of the same provider already:
// what comes first is more specific.
func (b *Book) add(name string, o offer) {
	known := func(of []offer) bool {
		return slices.ContainsFunc(of, func(other offer) bool { return other.provider == o.provider })
	}
	if !IsPattern(name) {
		if l := b.listing(name); !known(l.alias) {
			l.alias = append(l.alias, o)
		}
		return
	}
	prefix, shape := split(name)
	i := slices.IndexFunc(b.shapes, func(s shaped) bool { return s.shape == shape })
	if i < 0 {
		i = len(b.shapes)
		b.shapes = append(b.shapes, shaped{shape, map[string][]offer{}})
	}
	if of := b.shapes[i].prefixes[prefix]; !known(of) {
		b.shapes[i].prefixes[prefix] = append(of, o)
	}
}

// inForce is what of the declared names holds, those for one provider before those for all.
func inForce(names []Name) []Name {
	type where struct{ provider, name string }
	latest := map[where]Name{}
	for _, n := range names {
		at := where{n.Provider, n.Name}
		if before, ok := latest[at]; ok && n.Shipped && !before.Shipped && before.Model != "" {
			continue
		}
		latest[at] = n
	}
	all := slices.Collect(maps.Values(latest))
	slices.SortFunc(all, func(x, y Name) int {
		return cmp.Or(-cmp.Compare(x.Provider, y.Provider), cmp.Compare(x.Name, y.Name))
	})
	return all
}

// lastAny is offers by provider, with the one of every provider behind the others.
func lastAny(offers []offer) []offer {
	slices.SortFunc(offers, func(x, y offer) int {
		if any := cmp.Compare(boolInt(x.provider == ""), boolInt(y.provider == "")); any != 0 {
			return any
		}
		return cmp.Compare(x.provider, y.provider)
	})
	return offers
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Rows is how many prices the book was made of.
func (b *Book) Rows() int { return b.rows }
