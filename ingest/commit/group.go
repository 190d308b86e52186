package commit

import (
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Limits of a group beside maxGroupCost. One request alone may exceed maxGroupBytes.
const (
	maxGroupBytes  = 1 << 20
	maxGroupEvents = 20_000
)

// group holds the submissions that one call commits.
type group struct {
	submissions []*submission
	bytes       int
	events      int
	cost        int
	staged      bool                     // its only submission is already stored
	ids         map[scripts.EventID]bool // tenant and id only; nil while there are none
	quotas      map[string]bool          // tenants whose quota is already in cost
}

// full reports whether the group should not grow further.
func (g *group) full() bool {
	return g.staged || g.cost >= maxGroupCost || g.bytes >= maxGroupBytes ||
		g.events >= maxGroupEvents
}

// since is the time at which its first submission was queued.
func (g *group) since() time.Time {
	first := g.submissions[0].queued
	for _, s := range g.submissions[1:] {
		if s.queued.Before(first) {
			first = s.queued
		}
	}
	return first
}

// judged reports whether the limits of its only submission were judged in parts.
func (g *group) judged() bool { return g.staged && g.submissions[0].judged() }

// add puts s into the group, unless the group is full or already holds an event with one of its
// ids: ingest.lua can judge the second only after the first is stored. A staged submission is alone
// in its group.
func (g *group) add(s *submission) bool {
	if g.full() || s.staged != nil && len(g.submissions) > 0 {
		return false
	}
	var ids []scripts.EventID
	if s.request.ID != "" {
		request := scripts.EventID{Tenant: s.request.Tenant, ID: s.request.ID}
		if g.ids[request] {
			return false
		}
		ids = append(ids, request)
	}
	for _, it := range s.items {
		if it.id.ID == "" {
			continue
		}
		id := scripts.EventID{Tenant: it.id.Tenant, ID: it.id.ID}
		if g.ids[id] {
			return false
		}
		ids = append(ids, id)
	}
	if g.ids == nil && len(ids) > 0 {
		g.ids = make(map[scripts.EventID]bool, len(ids))
	}
	for _, id := range ids {
		g.ids[id] = true
	}
	g.submissions = append(g.submissions, s)
	g.bytes += len(s.lines)
	g.events += len(s.items)
	g.cost += g.costOf(s)
	g.staged = s.staged != nil
	return true
}

// costOf returns what s adds to the cost: each tenant's quota is looked up once per group.
func (g *group) costOf(s *submission) int {
	cost := s.cost()
	if s.limitCost.quotas == 0 || len(s.tenants) != 1 {
		return cost
	}
	name := s.tenants[0].Name
	if g.quotas[name] {
		return cost - s.limitCost.quotas
	}
	if g.quotas == nil {
		g.quotas = map[string]bool{}
	}
	g.quotas[name] = true
	return cost
}

// call is the group as ingest.lua takes it; owner[i] is the item with the i-th id, or ofRequest.
func (g *group) call(committer string, number int64) (call scripts.Group, owner []owned) {
	call = scripts.Group{Committer: committer, Number: number}
	if len(g.submissions) == 1 { // a large batch, or an idle server: nothing to merge
		s := g.submissions[0]
		call.Lines, call.Counters, call.Staged = s.lines, s.sums.counters, s.staged
		if s.staged != nil { // with its ids
			call.Lines, call.Form = nil, s.form()
			return call, nil
		}
	} else {
		call.Lines = make([]byte, 0, g.bytes+len(g.submissions))
		var sums sums
		for _, s := range g.submissions {
			if len(s.lines) > 0 && len(call.Lines) > 0 {
				call.Lines = append(call.Lines, '\n')
			}
			call.Lines = append(call.Lines, s.lines...)
			for _, c := range s.sums.counters {
				sums.add(c)
			}
		}
		call.Counters = sums.counters
	}
	for _, s := range g.submissions {
		if s.request.ID != "" {
			call.IDs, call.Form = append(call.IDs, s.request), max(call.Form, s.form())
			owner = append(owner, owned{s, ofRequest})
		}
		for i, it := range s.items {
			if it.id.ID != "" {
				call.IDs = append(call.IDs, it.id)
				owner = append(owner, owned{s, i})
			}
		}
	}
	return call, owner
}

// owned is an item of a submission.
type owned struct {
	submission *submission
	item       int
}

// tenants returns the tenants of all submissions, each once.
func (g *group) tenants() []meter.Tenant {
	if len(g.submissions) == 1 {
		return g.submissions[0].tenants
	}
	known := map[string]bool{}
	var all []meter.Tenant
	for _, s := range g.submissions {
		for _, t := range s.tenants {
			if !known[t.Name] {
				known[t.Name] = true
				all = append(all, t)
			}
		}
	}
	return all
}

// remove takes submissions out of the group.
func (g *group) remove(gone func(*submission) bool) {
	g.submissions = slices.DeleteFunc(g.submissions, gone)
}

// drop takes out the items whose ids were seen before. The same event is a duplicate, which is
// success. Another event under the same id refuses its whole submission, which is answered here and
// leaves the group. The key of a request stands for all of its events.
func (c *committer) drop(g *group, seen []scripts.Seen, owner []owned) {
	duplicate := map[*submission]map[int]bool{}
	conflict := map[*submission][]int{}
	onItsWay := map[*submission]int{}
	whole := map[*submission]scripts.Seen{}
	for _, one := range seen {
		o := owner[one.Index]
		if o.item == ofRequest {
			whole[o.submission] = one
			continue
		}
		index := o.submission.items[o.item].index
		switch {
		case one.OnItsWay:
			onItsWay[o.submission] = index
		case !one.Same:
			conflict[o.submission] = append(conflict[o.submission], index)
		}
		if duplicate[o.submission] == nil {
			duplicate[o.submission] = map[int]bool{}
		}
		duplicate[o.submission][o.item] = true
	}
	for s, one := range whole {
		delete(duplicate, s)
		delete(conflict, s)
		if err := c.seenRequest(s, one); err != nil {
			s.done <- result{err: err}
			conflict[s] = []int{} // already answered
		}
	}
	for s := range duplicate {
		if indexes := conflict[s]; indexes != nil {
			c.limiter.charge(s, nil)
			s.done <- result{err: IDConflict{indexes}}
		} else if index, ok := onItsWay[s]; ok {
			s.done <- result{err: IDInUse{index}}
		} else {
			c.limiter.charge(s, duplicate[s])
			s.drop(duplicate[s])
			continue
		}
		conflict[s] = []int{} // already answered
	}
	g.remove(func(s *submission) bool { return conflict[s] != nil })
}
