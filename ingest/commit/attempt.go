package commit

import (
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// verdict is the outcome of an attempt to count a group.
type verdict struct {
	call    scripts.Group
	owner   []owned       // of call.IDs
	limits  *groupLimits  // of the call; nil if there were none to judge
	unknown []*submission // the lookup does not know their tenants' usage: nothing was sent
	lookup  usage.Lookup  // of the group's tenants
	outcome scripts.Outcome
	totals  []meter.Amounts
	err     error
}

// attempt sends a group to Valkey under a new number. It answers no request.
func (c *committer) attempt(g *group) (v verdict) {
	c.number++
	v.call, v.owner = g.call(c.name, c.number)
	if time.Since(c.knownAt) < scripts.KnownFor {
		v.call.Known, v.call.KnownAt = c.known, c.knownPosition
	}
	v.lookup = c.live.Read(g.tenants())
	if !g.judged() {
		v.limits, v.unknown = c.limits(g, v.call.Counters, v.lookup)
	}
	if len(v.unknown) > 0 {
		return v
	}
	if v.limits != nil {
		v.call.Limits = &v.limits.Limits
	}
	var began time.Time
	v.outcome, v.totals, began, v.err = c.send(g, v.call, v.lookup.Query())
	if v.err == nil && v.limits != nil {
		c.noteLevels(v.limits, v.outcome.Levels, began)
	}
	return v
}

// settle answers the requests that a verdict decides, and takes them out of the group: all of it,
// unless the group was refused. The rest was not applied, so it may be judged again.
func (c *committer) settle(g *group, v verdict) {
	switch {
	case len(v.unknown) > 0:
		c.refuseUnknown(g, v.unknown, v.lookup.ViewID())
	case v.err != nil: // staged events may have been counted
		g.answerAll(result{err: c.failure(v.err)})
	case v.outcome.Unread:
		c.refuseUnread(g)
	case v.outcome.Unstaged:
		c.restage(g)
	case v.outcome.Overflow >= 0:
		c.refuseOverflow(g, v.call.Counters[v.outcome.Overflow])
	case len(v.outcome.Seen) > 0:
		c.metrics.seenBefore(eventsSeen(v.outcome.Seen, v.owner))
		c.drop(g, v.outcome.Seen, v.owner)
	case len(v.outcome.Refused) > 0:
		c.refuse(g, v.limits, v.outcome.Refused, v.lookup.ViewID())
	default:
		c.counted(g, v)
	}
}

// counted answers a group that was applied.
func (c *committer) counted(g *group, v verdict) {
	if len(v.call.Counters) > 0 {
		c.known, c.knownPosition, c.knownAt = v.call.Number, v.outcome.Position, time.Now()
	}
	c.metrics.counted(g.accepted())
	var rates map[*submission][]RateStatus
	if v.limits != nil {
		c.features.add(v.limits.Features, v.outcome.MostFeatures)
		rates = v.limits.statuses(v.outcome.Levels)
	} else if g.judged() {
		rates = map[*submission][]RateStatus{g.submissions[0]: g.submissions[0].rates}
	}
	g.answer(v.lookup.Usage(v.totals, c.now()), rates)
}

// refuseUnknown answers the submissions whose tenants' usage is missing from a view of Postgres.
func (c *committer) refuseUnknown(g *group, unknown []*submission, view usage.ViewID) {
	g.remove(func(s *submission) bool { return slices.Contains(unknown, s) })
	for _, s := range unknown {
		s.done <- result{outdated: &view}
	}
}

// refuseOverflow answers the submissions that add to a counter that is full, and takes them out of
// the group.
func (c *committer) refuseOverflow(g *group, full scripts.Counter) {
	g.remove(func(s *submission) bool {
		for _, it := range s.items {
			if sameCounter(&s.sums.counters[it.counter], &full) {
				c.limiter.charge(s, nil)
				s.done <- result{err: CounterFull{it.index}}
				return true
			}
		}
		return false
	})
}
