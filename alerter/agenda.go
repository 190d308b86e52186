package alerter

import "github.com/eduardosanzb/flagmeter/internal/meter"

// agenda lists the tenants to evaluate. A tenant stays on it until an evaluation finds nothing to
// do. A stale figure, an error, or a decision that must wait keeps it there.
type agenda struct {
	names map[string]struct{}
	all   bool
}

func (g *agenda) add(names []string, all bool) {
	g.all = g.all || all
	if g.names == nil {
		g.names = make(map[string]struct{}, len(names))
	}
	for _, name := range names {
		g.names[name] = struct{}{}
	}
}

func (g *agenda) done(name string) { delete(g.names, name) }

// keep drops the names that are not among the known tenants.
func (g *agenda) keep(known []meter.Usage) {
	if len(known) == len(g.names) {
		return
	}
	g.names = make(map[string]struct{}, len(known))
	for _, u := range known {
		g.names[u.Tenant.Name] = struct{}{}
	}
}
