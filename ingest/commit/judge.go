package commit

import (
	"context"
	"time"

	"github.com/eduardosanzb/flagmeter/scripts"
)

// judge checks a stored request against its limits, part by part, if they are too many for the call
// that counts it. Other groups run between the parts. Every part is checked before the first is
// taken, so a refused request has taken nothing, unless other requests were faster in between. It
// returns the answer to a request that will not be counted, and whether the request is still
// stored.
func (c *committer) judge(ctx context.Context, s *submission) (no *result, stored bool) {
	if c.costOfLimits(s).all() <= maxPartCost {
		return nil, true
	}
	g := &group{submissions: []*submission{s}}
	reading := c.live.Read(s.tenants)
	l, unknown := c.limits(g, s.sums.counters, reading)
	version := reading.ViewID()
	if len(unknown) > 0 {
		return &result{outdated: &version}, true
	}
	if l == nil {
		return nil, true
	}
	query, parts := reading.Query(), l.parts(costOfQuota+costOfLookup*c.valkey.Hashes(c.shard))
	levels, largest := make([]int64, len(l.Rates)), 0
	passes := []bool{false, true} // false checks, true takes
	if len(parts) == 1 {
		passes = passes[1:]
	}
	for _, take := range passes {
		for i := range parts {
			j, began, err := c.judgePart(ctx, s, &parts[i], query, take)
			switch {
			case err != nil:
				return &result{err: c.failure(err)}, true
			case j.Unstaged:
				return nil, false
			}
			for n, level := range j.Levels {
				rate := parts[i].rates[n]
				levels[rate] = level
				bucket := l.Rates[rate]
				c.limiter.buckets.note(c.shard, bucket.Bucket, bucket.Rate, level, began)
			}
			for _, r := range j.Refused {
				r.Which = parts[i].place(r)
				no := c.refusal(l, r, version)
				return &no, true
			}
			largest = max(largest, j.MostFeatures)
		}
	}
	c.features.add(l.Features, largest)
	s.rates = l.statuses(levels)[s]
	return nil, true
}

// judgePart checks or takes a part, again and again while the outcome is unknown. began is when the
// answered call began.
func (c *committer) judgePart(ctx context.Context, s *submission, p *limitPart, q scripts.Query,
	take bool) (j scripts.Judgement, began time.Time, err error) {
	err = c.storePart(ctx, func(ctx context.Context) (err error) {
		began = time.Now()
		j, err = c.valkey.Judge(ctx, c.shard, s.staged, &p.Limits, q, take)
		return err
	})
	return j, began, err
}

// limitPart is a part of the limits of one request. It maps places in the part to places in the
// whole.
type limitPart struct {
	scripts.Limits
	rates, quotas, features []int
}

// place returns the place in the whole of the limit in a refusal.
func (p *limitPart) place(r scripts.Refusal) int {
	switch r.Reason {
	case scripts.OverRate:
		return p.rates[r.Which]
	case scripts.OverQuota, scripts.Held:
		return p.quotas[r.Which]
	case scripts.OverFeatures:
		return p.features[r.Which]
	}
	return r.Which
}

// parts divides the limits of the only request into parts of maxPartCost. The features of a tenant
// stay together, so that checking them finds the same as taking them.
func (l *groupLimits) parts(costOfQuota int) (all []limitPart) {
	cost := maxPartCost
	next := func(costs int) *limitPart {
		if cost += costs; cost > maxPartCost {
			cost = costs
			all = append(all, limitPart{Limits: scripts.Limits{
				MostFeatures: l.MostFeatures, Full: l.Full, Requests: []scripts.Request{{}}}})
		}
		return &all[len(all)-1]
	}
	request, at := &l.Requests[0], 0 // at is a place in the whole
	for _, c := range request.Costs {
		p := next(costOfRate)
		c.Rate, at = len(p.Rates), c.Rate
		p.Requests[0].Costs = append(p.Requests[0].Costs, c)
		p.Rates, p.rates = append(p.Rates, l.Rates[at]), append(p.rates, at)
	}
	for _, n := range request.Needs {
		p := next(costOfQuota)
		n.Quota, at = len(p.Quotas), n.Quota
		p.Requests[0].Needs = append(p.Requests[0].Needs, n)
		p.Quotas, p.quotas = append(p.Quotas, l.Quotas[at]), append(p.quotas, at)
	}
	var tenants []string
	of := map[string][]int{}
	for _, f := range request.Features {
		name := l.Features[f].Tenant
		if of[name] == nil {
			tenants = append(tenants, name)
		}
		of[name] = append(of[name], f)
	}
	for _, name := range tenants {
		p := next(costOfFeatures + costOfFeature*len(of[name]))
		for _, f := range of[name] {
			p.Requests[0].Features = append(p.Requests[0].Features, len(p.Features))
			p.Features, p.features = append(p.Features, l.Features[f]), append(p.features, f)
		}
	}
	return all
}
