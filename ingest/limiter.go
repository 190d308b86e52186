package ingest

import (
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// limiter knows which limits hold for a request. What they allow is decided in Valkey.
type limiter struct {
	rate         meter.Rate // of tenants without their own
	mostFeatures int        // of a tenant; 0: any number
	buckets      *buckets
	metrics      *metrics
}

func newLimiter(o Options, m *metrics) *limiter {
	return &limiter{rate: o.Rate, mostFeatures: o.MaxFeatures, buckets: newBuckets(), metrics: m}
}

// Names of the policies in the RateLimit headers.
const (
	policyTenant = "tenant"
	policyKey    = "key"
)

// charge is what a request would take from one bucket.
type charge struct {
	policy string
	tenant string // of policyTenant
	bucket string
	rate   meter.Rate
	events int
}

func (l *limiter) rateOf(t meter.Tenant) meter.Rate {
	if t.OwnRate {
		return t.Rate
	}
	return l.rate
}

func enforced(t meter.Tenant) bool { return t.Enforce != meter.EnforceOff && t.Quota > 0 }

// limits reports whether anything but the number of features limits a request.
func (l *limiter) limits(s *submission) bool {
	return s.caller.rate.Limited() || slices.ContainsFunc(s.tenants, func(t meter.Tenant) bool {
		return l.rateOf(t).Limited() || enforced(t)
	})
}

// charges are what s would take from the buckets of its tenants and its key.
func (l *limiter) charges(s *submission) []charge {
	var all []charge
	for _, t := range s.tenants {
		if rate := l.rateOf(t); rate.Limited() {
			if events := s.eventsOf(t.Name); events > 0 {
				all = append(all, charge{policyTenant, t.Name, scripts.TenantBucket(t.Name), rate, events})
			}
		}
	}
	if s.caller.rate.Limited() && len(s.items) > 0 {
		all = append(all, charge{policyKey, "", scripts.KeyBucket(s.caller.key), s.caller.rate, len(s.items)})
	}
	return all
}

// admit notes on each submission what limits it, and refuses the request if Valkey would do
// so for certain: a tenant that sends ten times what it may costs nobody else a call.
func (l *limiter) admit(submissions []*submission, from caller) *Problem {
	for _, s := range submissions {
		s.caller = from
		if s.limited = l.limits(s); !s.limited {
			continue
		}
		var longest time.Duration
		var refused charge
		for _, c := range l.charges(s) {
			if int64(c.events) > c.rate.Burst {
				l.metrics.limited()
				return problemLargerThanBurst(c)
			}
			if wait := l.buckets.wait(s.shard, c); wait > longest {
				longest, refused = wait, c
			}
		}
		if longest > 0 {
			l.metrics.limited()
			return problemRateLimited(refused, longest)
		}
	}
	return nil
}

// eventsOf is how many events of a tenant s has.
func (s *submission) eventsOf(tenant string) (n int) {
	if len(s.tenants) == 1 {
		return len(s.items)
	}
	for _, it := range s.items {
		if s.sums.counters[it.counter].Tenant == tenant {
			n++
		}
	}
	return n
}

// need is what s takes of a tenant's quota in the given days: room is how much must be left
// before it. In soft mode that is more than all but the last event, so that at most the last
// one crosses the quota. Events with no tokens need nothing and are not the last.
func (s *submission) need(t meter.Tenant, days meter.TenantDays) (room, tokens int64) {
	var last int64
	for _, it := range s.items {
		c := &s.sums.counters[it.counter]
		if c.Tenant == t.Name && c.Day >= days.From && c.Day < days.To {
			tokens += it.tokens // 10,000 events of 10^12 are far below 2^63
			if it.tokens > 0 {
				last = it.tokens
			}
		}
	}
	if t.Enforce == meter.EnforceStrict || tokens == 0 {
		return tokens, tokens
	}
	return tokens - last + 1, tokens
}
