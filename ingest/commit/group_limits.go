package commit

import (
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// groupLimits are the limits of one call and their subjects: asked[i] sent Requests[i], charges[i]
// is the charge of Rates[i] (without events), and tenants[i] is the tenant of Quotas[i].
type groupLimits struct {
	scripts.Limits
	asked   []*submission
	charges []charge
	tenants []meter.Tenant
	ends    []time.Time // of the period of Quotas[i]

	rates, quotas map[string]int // places by bucket and tenant
}

// limits returns the limits of the group with these counters; nil if there are none. unknown are
// the submissions whose tenants' usage the reading does not know.
func (c *committer) limits(g *group, counters []scripts.Counter, reading usage.Lookup) (
	l *groupLimits, unknown []*submission,
) {
	var fresh map[scripts.Feature]int
	l = &groupLimits{Limits: scripts.Limits{MostFeatures: c.limiter.mostFeatures}}
	if c.limiter.mostFeatures > 0 {
		c.features.today(c.now())
		l.Features, fresh = c.features.fresh(counters)
		l.Full = c.features.fullOf(l.Features, c.now())
	}
	var place map[string]int // of each tenant in the reading
	for _, s := range g.submissions {
		if len(s.items) == 0 || !s.limited && len(fresh) == 0 {
			continue
		}
		var r scripts.Request
		known := true
		if s.limited {
			if place == nil {
				place = places(g.tenants())
			}
			for _, charge := range c.limiter.charges(s) {
				r.Costs = append(r.Costs, scripts.Cost{Rate: l.rate(charge), Events: charge.events})
			}
			r.Needs, known = l.needs(s, place, reading)
		}
		r.Features = featuresAmong(s.sums.counters, fresh)
		switch {
		case !known:
			unknown = append(unknown, s)
		case len(r.Costs)+len(r.Needs)+len(r.Features) > 0:
			l.asked = append(l.asked, s)
			l.Requests = append(l.Requests, r)
		}
	}
	if len(l.Requests) == 0 {
		return nil, unknown
	}
	return l, unknown
}

// featuresAmong returns the places of the fresh features that counters are about, each once.
func featuresAmong(counters []scripts.Counter, fresh map[scripts.Feature]int) (at []int) {
	if len(fresh) == 0 {
		return nil
	}
	known := make(map[int]struct{}, min(len(counters), len(fresh)))
	for i := range counters {
		f, ok := fresh[scripts.Feature{Tenant: counters[i].Tenant, Feature: counters[i].Feature}]
		if _, twice := known[f]; ok && !twice {
			known[f] = struct{}{}
			at = append(at, f)
		}
	}
	return at
}

func places(tenants []meter.Tenant) map[string]int {
	at := make(map[string]int, len(tenants))
	for i, t := range tenants {
		at[t.Name] = i
	}
	return at
}

// rate returns the place of a charge's bucket.
func (l *groupLimits) rate(c charge) int {
	i, ok := l.rates[c.bucket]
	if !ok {
		if l.rates == nil {
			l.rates = map[string]int{}
		}
		i = len(l.Rates)
		l.rates[c.bucket] = i
		l.Rates = append(l.Rates, scripts.RateLimit{Bucket: c.bucket, Rate: c.rate})
		l.charges = append(l.charges, c)
	}
	return i
}

// needs is what s takes from the quotas of its tenants in their current periods: an event dated
// into another period is accepted. ok is false if the reading does not know one of the tenants.
func (l *groupLimits) needs(s *submission, place map[string]int, reading usage.Lookup) (
	needs []scripts.Need, ok bool,
) {
	for _, t := range s.tenants {
		if !enforced(t) {
			continue
		}
		days, settled, covered := reading.Settled(place[t.Name])
		room, tokens := s.need(t, days)
		if tokens == 0 {
			continue
		}
		if !covered {
			return nil, false
		}
		i, known := l.quotas[t.Name]
		if !known {
			if l.quotas == nil {
				l.quotas = map[string]int{}
			}
			i = len(l.Quotas)
			l.quotas[t.Name] = i
			l.Quotas = append(l.Quotas, scripts.QuotaLimit{
				TenantDays: days, Settled: settled, Quota: t.Quota})
			l.tenants = append(l.tenants, t)
			l.ends = append(l.ends, reading.Period(place[t.Name]).End)
		}
		needs = append(needs, scripts.Need{Quota: i, Room: room, Tokens: tokens})
	}
	return needs, true
}

// noteLevels remembers the levels that a call reported. The call began at the given time.
func (c *committer) noteLevels(l *groupLimits, levels []int64, at time.Time) {
	for i, level := range levels {
		c.limiter.buckets.note(c.shard, l.Rates[i].Bucket, l.Rates[i].Rate, level, at)
	}
}

// refuse answers the submissions that exceed a limit and takes them out of the group.
func (c *committer) refuse(
	g *group, l *groupLimits, refusals []scripts.Refusal, version usage.ViewID) {
	gone := map[*submission]bool{}
	for _, r := range refusals {
		s := l.asked[r.Request]
		gone[s] = true
		c.unstage(s)
		s.done <- c.refusal(l, r, version)
	}
	g.remove(func(s *submission) bool { return gone[s] })
}

// refusal returns the answer to a submission that exceeds a limit.
func (c *committer) refusal(l *groupLimits, r scripts.Refusal, version usage.ViewID) result {
	s, request := l.asked[r.Request], l.Requests[r.Request]
	switch r.Reason {
	case scripts.OverRate:
		over := l.charges[r.Which]
		for _, cost := range request.Costs {
			if cost.Rate == r.Which {
				over.events = cost.Events
			}
		}
		c.metrics.limited()
		return result{err: over.limited(r.Wait)}
	case scripts.OverQuota:
		c.metrics.usedUp()
		c.limiter.charge(s, nil)
		asked := tokensNeeded(request.Needs, r.Which)
		return result{err: QuotaExceeded{
			Tenant: l.tenants[r.Which], Used: r.Used, Asked: asked, End: l.ends[r.Which]}}
	case scripts.OverFeatures:
		c.metrics.tooManyFeatures()
		c.limiter.charge(s, nil)
		c.features.isFull(l.Features[r.Which].Tenant, c.now())
		return result{err: s.tooManyFeatures(l.Features[r.Which], r.Used, l.MostFeatures)}
	case scripts.Held:
		return result{err: QuotaHeld{l.tenants[r.Which]}}
	}
	return result{outdated: &version}
}

// statuses returns the contents of each submission's RateLimit headers. If a submission has several
// tenants, the tenant with the least left is reported.
func (l *groupLimits) statuses(levels []int64) map[*submission][]RateStatus {
	if len(levels) == 0 {
		return nil
	}
	all := map[*submission][]RateStatus{}
	for i, s := range l.asked {
		var own []RateStatus
		for _, cost := range l.Requests[i].Costs {
			c := l.charges[cost.Rate]
			status := statusAt(c.policy, c.rate, levels[cost.Rate])
			if last := len(own) - 1; last >= 0 && own[last].Policy == status.Policy {
				if status.Remaining < own[last].Remaining {
					own[last] = status
				}
				continue
			}
			own = append(own, status)
		}
		all[s] = own
	}
	return all
}

// tokensNeeded returns what a request needs from one of the quotas of its group.
func tokensNeeded(needs []scripts.Need, quota int) (tokens int64) {
	for _, n := range needs {
		if n.Quota == quota {
			tokens = n.Tokens
		}
	}
	return tokens
}

// tooManyFeatures names the events whose feature would be one too many.
func (s *submission) tooManyFeatures(f scripts.Feature, has int64, most int) TooManyFeatures {
	e := TooManyFeatures{Tenant: f.Tenant, Feature: f.Feature, Has: has, Most: most}
	for _, t := range s.tenants {
		if t.Name == f.Tenant {
			e.Tenant = t.Shown()
		}
	}
	for _, it := range s.items {
		if c := &s.sums.counters[it.counter]; c.Tenant == f.Tenant && c.Feature == f.Feature {
			e.Indexes = append(e.Indexes, it.index)
		}
	}
	return e
}
