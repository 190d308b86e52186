package ingest

import (
	"slices"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Limits of a group. One request alone may exceed maxGroupBytes and maxGroupIDs.
const (
	maxGroupBytes  = 1 << 20
	maxGroupEvents = 20_000
	// maxGroupIDs bounds how long ingest.lua holds up Valkey: an id takes it 6 µs.
	maxGroupIDs = 2000
)

// group are the submissions that one call commits.
type group struct {
	submissions []*submission
	bytes       int
	events      int
	ids         map[scripts.EventID]bool // tenant and id only; nil while there are none
}

// full reports whether the group should not grow further.
func (g *group) full() bool {
	return g.bytes >= maxGroupBytes || g.events >= maxGroupEvents || len(g.ids) >= maxGroupIDs
}

// add puts s into the group, unless that already holds an event with one of its ids:
// ingest.lua can judge the second only after the first is stored.
func (g *group) add(s *submission) bool {
	var ids []scripts.EventID
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
	return true
}

// call is the group as ingest.lua takes it; owner[i] is the item with the i-th id.
func (g *group) call(committer string, number int64) (call scripts.Group, owner []owned) {
	call = scripts.Group{Committer: committer, Number: number}
	if len(g.submissions) == 1 { // a large batch, or an idle server: nothing to merge
		call.Lines, call.Counters = g.submissions[0].lines, g.submissions[0].sums.counters
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

// tenants are the tenants of all submissions, each once.
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

// drop takes out the items whose ids were seen before: the same event is a
// duplicate, which is success; another event under the same id refuses its whole
// submission, which is answered here and leaves the group.
func (g *group) drop(seen []scripts.Seen, owner []owned) {
	duplicate := map[*submission]map[int]bool{}
	conflict := map[*submission][]int{}
	for _, s := range seen {
		o := owner[s.Index]
		if !s.Same {
			conflict[o.submission] = append(conflict[o.submission], o.submission.items[o.item].index)
		}
		if duplicate[o.submission] == nil {
			duplicate[o.submission] = map[int]bool{}
		}
		duplicate[o.submission][o.item] = true
	}
	for s, indexes := range conflict {
		s.done <- answer{problem: problemConflict(indexes)}
	}
	g.remove(func(s *submission) bool { return conflict[s] != nil })
	for _, s := range g.submissions {
		if len(duplicate[s]) > 0 {
			s.drop(duplicate[s])
		}
	}
}
