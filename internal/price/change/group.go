package change

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

// withdrawn is what a line has in place of a price.
const withdrawn = "none"

// group plans one pool of a model, with all its context tiers.
func (p *planner) group(rows []price.Row) {
	known := p.known[modelOf(rows[0].Key)]
	steps, contradictions := p.steps(rows, known)
	if known && !p.want.Set {
		steps = p.level(steps)
	}
	changed := slices.ContainsFunc(steps, func(r price.Row) bool { return !p.holds(r) })
	for _, r := range steps {
		if !changed || p.stored(r) {
			p.plan.Unchanged++
			continue
		}
		if p.want.Set {
			p.covered(r)
		}
		p.add(r, contradictions[r.Key])
	}
}

// steps are the rows to have, one for each key and instant, oldest first.
func (p *planner) steps(
	rows []price.Row, known bool,
) (steps []price.Row, contradictions map[price.Key]bool) {
	contradictions = map[price.Key]bool{}
	start := p.want.From
	if start.IsZero() && known {
		start = p.want.Now
	}
	for _, r := range rows {
		r.From = r.From.UTC().Truncate(time.Microsecond)
		same := func(s price.Row) bool { return s.Key == r.Key && s.From.Equal(r.From) }
		if i := slices.IndexFunc(steps, same); i < 0 {
			steps = append(steps, r)
		} else if steps[i] != r {
			contradictions[r.Key] = true
			steps[i] = r
		}
	}
	slices.SortStableFunc(steps, func(a, b price.Row) int { return a.From.Compare(b.From) })
	if p.want.Set {
		return steps, contradictions
	}
	// Of what begins before the start, the latest of each key begins there.
	last := map[price.Key]time.Time{}
	for _, r := range steps {
		if !r.From.After(start) {
			last[r.Key] = r.From
		}
	}
	steps = slices.DeleteFunc(steps, func(r price.Row) bool { return r.From.Before(last[r.Key]) })
	for i := range steps {
		if steps[i].From.Before(start) {
			steps[i].From = start
		}
	}
	return steps, contradictions
}

// level adds what the list does not have any more: a context tier in force then costs what a
// smaller input does.
func (p *planner) level(steps []price.Row) []price.Row {
	for _, above := range p.book.Limits(steps[0].Key, steps[0].From) {
		has := func(r price.Row) bool { return r.Above == above }
		if above == 0 || slices.ContainsFunc(steps, has) {
			continue
		}
		for _, r := range steps {
			if r.Above == 0 {
				r.Above = above
				steps = append(steps, r)
			}
		}
	}
	return steps
}

// covered names the context tiers of other prices over which a price for any input wins.
func (p *planner) covered(r price.Row) {
	if r.Above > 0 || r.Withdrawn {
		return
	}
	for _, above := range p.book.Limits(r.Key, r.From) {
		tier := r
		tier.Above = above
		if _, own := p.latest(tier); above == 0 || own || p.holds(tier) {
			continue
		}
		for _, old := range p.old(tier) {
			p.plan.Lines = append(p.plan.Lines, Line{What: name(tier.Key), Old: old.String(), New: text(r),
				From: r.From, Reason: doubt(old, tier)})
		}
	}
}

// old are the prices that hold where r would: one, or one of each provider if r is for all.
func (p *planner) old(r price.Row) (prices []meter.TokenPrice) {
	providers := []string{r.Provider}
	if r.Provider == "" {
		providers = append(providers, p.book.Providers(r.Model)...)
	}
	for _, provider := range providers {
		key := r.Key
		key.Provider = provider
		if old, ok := p.book.Rate(key, r.From); ok && !slices.Contains(prices, old) {
			prices = append(prices, old)
		}
	}
	return prices
}

// holds reports whether r says what holds already.
func (p *planner) holds(r price.Row) bool {
	old := p.old(r)
	return r.Withdrawn && len(old) == 0 || !r.Withdrawn && len(old) == 1 && old[0] == r.Price
}

// latest is the row of the same key that is in force when r begins, of those among which r will be.
func (p *planner) latest(r price.Row) (latest price.Row, found bool) {
	for _, s := range p.exact[r.Key] {
		if !s.From.After(r.From) && (!found || s.From.After(latest.From)) {
			latest, found = s, true
		}
	}
	return latest, found
}

// stored reports whether that row says what r says.
func (p *planner) stored(r price.Row) bool {
	s, found := p.latest(r)
	return found && s.Price == r.Price && s.Withdrawn == r.Withdrawn && s.Inclusive == r.Inclusive
}

// add plans one row.
func (p *planner) add(r price.Row, contradiction bool) {
	if s, found := p.latest(r); found && s.From.Equal(r.From) {
		p.plan.Conflicts = append(p.plan.Conflicts, fmt.Sprintf(
			"%s is %s from %s on already: choose another instant", name(r.Key), text(s),
			s.From.Format(time.RFC3339Nano)))
		return
	}
	l := Line{What: name(r.Key), New: text(r), From: r.From}
	for _, old := range p.old(r) {
		if l.Old != "" {
			l.Old += ", "
		}
		l.Old += old.String()
		l.Reason = cmp.Or(l.Reason, doubt(old, r))
	}
	if contradiction {
		l.Reason = "the list has two prices for it"
	}
	if p.want.Shipped {
		shipped, ok := p.book.Rate(r.Key, r.From)
		if now, listed := p.all.Rate(r.Key, r.From); listed && (!ok || now != shipped) {
			p.plan.Overridden++
		}
	}
	r.Shipped, r.Source, r.CheckedAt = p.want.Shipped, p.want.Source, p.want.CheckedAt
	p.plan.Rows, p.plan.Lines = append(p.plan.Rows, r), append(p.plan.Lines, l)
	// What the plan adds holds for what follows in it.
	p.exact[r.Key] = append(p.exact[r.Key], r)
}

// text is a row's price.
func text(r price.Row) string {
	if r.Withdrawn {
		return withdrawn
	}
	return r.Price.String()
}

// doubt says why a change may be a mistake, "" if it looks right.
func doubt(old meter.TokenPrice, r price.Row) string {
	switch now := r.Price; {
	case r.Withdrawn:
		return "it is withdrawn, and what uses it may have no price then"
	case old == now:
		return ""
	case now == 0:
		return "it drops to 0"
	case old == 0:
		return "it was free"
	case now > maxFactor*old, old > maxFactor*now: // at most 3e15
		return fmt.Sprintf("it changes by more than %d times", maxFactor)
	}
	return ""
}
