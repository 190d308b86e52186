// Package change decides what a new price list, or a price that an operator sets, changes of the
// prices in force. It is pure: what it returns is then stored as a whole or not at all.
//
// What may be a mistake needs to be accepted: a price that changes by more than 3 times, one that
// drops to 0 or is withdrawn, two prices for the same, a name that would lead to another model,
// and a model that seems to have a new name.
package change

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

// maxFactor is by how much a price may change without being accepted.
const maxFactor = 3

// Wanted is what prices shall be.
type Wanted struct {
	// Rows of a list that is complete for the pools of models that it names. Their From is the
	// list's own date.
	Rows  []price.Row
	Names []price.Name
	// From is from when the list holds for models that have prices, and at the earliest for others.
	// Zero is Now, and for others the list's own dates.
	From time.Time
	Now  time.Time

	Shipped   bool
	Source    string
	CheckedAt time.Time
	// Set says that the rows are no list: each sets one price, from its own From on.
	Set bool
	// Missing says that only models without any price get some.
	Missing bool
}

// Plan is what changes.
type Plan struct {
	Rows  []price.Row  // to add
	Names []price.Name // to add
	Lines []Line       // the same for people, in order of models
	// Conflicts are prices from an instant on from which there is another one already. They cannot be
	// accepted.
	Conflicts []string
	Unchanged int // prices that are in force as they are wanted
	// Overridden counts shipped prices that change nothing, because the operator's win.
	Overridden int
}

// Line is one change.
type Line struct {
	What   string // provider/model, service tier, pool, context tier
	Old    string // "" if there was nothing
	New    string
	From   time.Time // zero for names
	Reason string    // why it must be accepted, "" if it need not
}

// Doubtful are the lines that must be accepted.
func (p *Plan) Doubtful() (lines []Line) {
	for _, l := range p.Lines {
		if l.Reason != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// planner makes a plan.
type planner struct {
	want  Wanted
	plan  Plan
	book  *price.Book // in force, of all rows that the wanted ones compete with
	all   *price.Book // of all rows
	exact map[price.Key][]price.Row
	known map[model]bool
}

// model is a model of a provider, of the list or of a tenant.
type model struct{ tenant, provider, name string }

func modelOf(k price.Key) model { return model{k.Tenant, k.Provider, k.Model} }

// Make compares what is wanted with the rows and names in force.
func Make(rows []price.Row, names []price.Name, w Wanted) Plan {
	p := planner{want: w, all: price.NewBook(rows, names), exact: map[price.Key][]price.Row{},
		known: map[model]bool{}}
	var competing []price.Row
	for _, r := range rows {
		p.known[modelOf(r.Key)] = true
		if w.Shipped && !r.Shipped {
			continue // wins whatever is shipped
		}
		competing = append(competing, r)
		if r.Shipped == w.Shipped {
			p.exact[r.Key] = append(p.exact[r.Key], r)
		}
	}
	p.book = price.NewBook(competing, names)
	if w.Missing {
		p.want.Rows = slices.DeleteFunc(slices.Clone(w.Rows), func(r price.Row) bool {
			return p.has(r.Provider, r.Model)
		})
		p.want.Names = slices.DeleteFunc(slices.Clone(w.Names), func(n price.Name) bool {
			_, declared := inForce(names, n, true)
			return declared || p.has(n.Provider, n.Model)
		})
	}
	p.declare(names)
	for _, group := range groups(p.want.Rows) {
		p.group(group)
	}
	p.renames(rows)
	slices.SortStableFunc(p.plan.Lines, func(a, b Line) int { return cmp.Compare(a.What, b.What) })
	return p.plan
}

// has reports whether a model has any list price, or one for every provider, by whatever rule.
func (p *planner) has(provider, name string) bool {
	return p.known[model{"", provider, name}] || p.known[model{"", "", name}] ||
		p.all.Model(provider, name) != ""
}

// pool is one pool of a model in a service tier: its context tiers belong together, for the first
// of them that wins hides those of the program.
type pool struct {
	model
	tier meter.ServiceTier
	pool meter.Pool
}

func poolOf(k price.Key) pool { return pool{modelOf(k), k.Tier, k.Pool} }

// groups divides rows by pool, in a steady order.
func groups(rows []price.Row) (all [][]price.Row) {
	at := map[pool]int{}
	for _, r := range rows {
		i, ok := at[poolOf(r.Key)]
		if !ok {
			i = len(all)
			at[poolOf(r.Key)] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], r)
	}
	return all
}

// name is how a line calls a key.
func name(k price.Key) string {
	s := k.Model
	if k.Provider != "" {
		s = k.Provider + "/" + s
	}
	if k.Tenant != "" {
		s = "tenant " + meter.Quote(k.Tenant) + ": " + s
	}
	if k.Tier != meter.TierStandard {
		s += " " + k.Tier.String()
	}
	s += " " + k.Pool.String()
	if k.Above > 0 {
		s += fmt.Sprintf(" above %d", k.Above)
	}
	return s
}
