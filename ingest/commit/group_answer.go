package commit

import (
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// accepted is the number of events that were counted.
func (g *group) accepted() int {
	n := 0
	for _, s := range g.submissions {
		n += s.accepted
	}
	return n
}

// answer gives every submission its rate limits and the usage of its tenants, and empties the
// group. usages has each tenant once.
func (g *group) answer(usages []meter.Usage, rates map[*submission][]RateStatus) {
	at := make(map[string]int, len(usages))
	for i, u := range usages {
		at[u.Tenant.Name] = i
	}
	for _, s := range g.submissions {
		if len(s.tenants) == 1 {
			i := at[s.tenants[0].Name]
			s.done <- result{usages: usages[i : i+1], rates: rates[s]}
			continue
		}
		own := make([]meter.Usage, len(s.tenants))
		for i, t := range s.tenants {
			own[i] = usages[at[t.Name]]
		}
		s.done <- result{usages: own, rates: rates[s]}
	}
	g.submissions = nil
}

// answerAll gives every submission the same result, and empties the group.
func (g *group) answerAll(r result) {
	for _, s := range g.submissions {
		s.done <- r
	}
	g.submissions = nil
}
