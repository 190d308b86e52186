package change

import (
	"fmt"
	"slices"

	"github.com/eduardosanzb/flagmeter/internal/price"
)

// declare plans names, and finds models whose names have led to others.
func (p *planner) declare(names []price.Name) {
	type place struct{ provider, name string }
	planned := map[place]string{}
	for _, n := range p.want.Names {
		now, found := inForce(names, n, p.want.Shipped)
		if found && now.Model == n.Model || planned[place{n.Provider, n.Name}] == n.Model {
			p.plan.Unchanged++
			continue
		}
		l := Line{What: label(n.Provider, n.Name), New: "leads to " + n.Model}
		leads := now.Model
		if !price.IsPattern(n.Name) {
			leads = p.all.Model(n.Provider, n.Name) // by any rule
		}
		if leads != "" && leads != n.Model {
			l.Old, l.Reason = "leads to "+leads, "the name leads to another model now"
		}
		if planned[place{n.Provider, n.Name}] != "" {
			l.Reason = "the list has two models for it"
		}
		planned[place{n.Provider, n.Name}] = n.Model
		n.Shipped, n.Source = p.want.Shipped, p.want.Source
		p.plan.Names, p.plan.Lines = append(p.plan.Names, n), append(p.plan.Lines, l)
	}
	seen := map[model]bool{}
	for _, r := range p.want.Rows {
		m := modelOf(r.Key)
		if seen[m] || m.tenant != "" || p.known[m] {
			continue
		}
		seen[m] = true
		if leads := p.all.Model(m.provider, m.name); leads != "" && leads != m.name {
			p.plan.Lines = append(p.plan.Lines, Line{What: label(m.provider, m.name),
				Old: "has the prices of " + leads, New: "has its own",
				Reason: "it has none but these any more"})
		}
	}
}

// inForce is the declared name that counts now.
func inForce(names []price.Name, like price.Name, shipped bool) (now price.Name, found bool) {
	for _, n := range names {
		if n.Provider == like.Provider && n.Name == like.Name && (n.Shipped == shipped || !n.Shipped) {
			now, found = n, true
		}
	}
	return now, found
}

// renames finds new models that have exactly the prices of one that the list does not name any
// more.
func (p *planner) renames(rows []price.Row) {
	if p.want.Set || p.want.Missing {
		return
	}
	listed, gone := prices(p.want.Rows, p), prices(rows, p)
	for m, now := range listed {
		if p.known[m] {
			continue
		}
		for old, before := range gone {
			if old.tenant != m.tenant || old.provider != m.provider || listed[old] != "" ||
				before != now {
				continue
			}
			p.plan.Lines = append(p.plan.Lines, Line{What: label(m.provider, m.name),
				Old:    label(old.provider, old.name),
				New:    "new, at the same prices",
				Reason: fmt.Sprintf("the list has it in place of %s, which keeps its prices", old.name)})
			break
		}
	}
}

// prices are the prices of each model, as text that compares.
func prices(rows []price.Row, p *planner) map[model]string {
	at := p.want.From
	if at.IsZero() {
		at = p.want.Now
	}
	latest := map[price.Key]price.Row{}
	for _, r := range rows {
		if old, ok := latest[r.Key]; !r.From.After(at) && (!ok || !r.From.Before(old.From)) {
			latest[r.Key] = r
		}
	}
	texts := map[model][]string{}
	for k, r := range latest {
		m := modelOf(k)
		k.Model = ""
		texts[m] = append(texts[m], name(k)+"="+text(r))
	}
	all := map[model]string{}
	for m, of := range texts {
		slices.Sort(of)
		all[m] = fmt.Sprint(of)
	}
	return all
}

func label(provider, name string) string {
	if provider == "" {
		return name
	}
	return provider + "/" + name
}
