package commit

import (
	"slices"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// limiter knows which limits apply to a request. Valkey decides what they allow.
type limiter struct {
	rate meter.Rate // of tenants that have no rate in their row
	// guard limits the events that this process accepts from a tenant without any rate, so that no
	// tenant fills the stores by mistake. The process judges it alone, at no cost to Valkey.
	guard        meter.Rate
	shards       int
	mostFeatures int // of a tenant; 0: any number
	buckets      *buckets
	// charged holds events that were judged and not counted: refused ones and duplicates. They are
	// charged to the same rates, but only in this process, because only this process spends time on
	// them.
	charged *buckets
	metrics *metrics
}

func newLimiter(s Settings, shards int, m *metrics) *limiter {
	clock := s.Clock
	if clock == nil {
		clock = time.Now
	}
	return &limiter{rate: s.Rate, guard: s.Guard, shards: shards, mostFeatures: s.MaxFeatures,
		buckets: newBuckets(clock), charged: newBuckets(clock), metrics: m}
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
	return s.sender.Rate.Limited() || slices.ContainsFunc(s.tenants, func(t meter.Tenant) bool {
		return l.rateOf(t).Limited() || enforced(t)
	})
}

// charges returns what s would take from the buckets of its tenants and its key.
func (l *limiter) charges(s *submission) []charge {
	var all []charge
	for _, t := range s.tenants {
		if rate := l.rateOf(t); rate.Limited() {
			if events := s.eventsOf(t.Name); events > 0 {
				all = append(all, chargeTenant(t, rate, events))
			}
		}
	}
	if s.sender.Rate.Limited() && len(s.items) > 0 {
		all = append(all, chargeKey(s.sender, len(s.items)))
	}
	return all
}

// admit refuses a request if Valkey is certain to refuse it. A tenant that sends ten times what it
// may costs no other tenant a call.
func (l *limiter) admit(submissions []*submission) error {
	for _, s := range submissions {
		if s.limited {
			if err := l.refuse(s.shard, l.charges(s)); err != nil {
				return err
			}
		}
		if err := l.takeGuard(s); err != nil {
			return err
		}
	}
	return nil
}

// early refuses a request before its body is read, if not even one event would pass.
func (l *limiter) early(from Sender, tenant meter.Tenant) error {
	shard := anyShard // with several shards, the body alone says which one it is about
	if l.shards == 1 || tenant.Name != "" {
		shard = scripts.ShardOf(tenant.Name, l.shards)
	}
	return l.refuse(shard, l.ofOne(from, tenant))
}

// ofOne returns what one event would take from the buckets of a key and of the tenant it is bound
// to.
func (l *limiter) ofOne(from Sender, tenant meter.Tenant) (all []charge) {
	if from.Rate.Limited() {
		all = append(all, chargeKey(from, 1))
	}
	if rate := l.rateOf(tenant); tenant.Name != "" && rate.Limited() {
		all = append(all, chargeTenant(tenant, rate, 1))
	}
	return all
}

// anyShard is the shard to which a process charges events that are not counted.
const anyShard = -1

// refuse returns the refusal of charges that are certain not to pass now, nil if there is none.
func (l *limiter) refuse(shard int, charges []charge) error {
	var longest time.Duration
	var refused charge
	for _, c := range charges {
		if int64(c.events) > c.rate.Burst {
			l.metrics.limited()
			l.charged.add(anyShard, c)
			return c.largerThanBurst()
		}
		again := c
		again.bucket, again.events = c.bucket+duplicates, 1
		wait := max(l.buckets.wait(shard, c),
			l.charged.wait(anyShard, c), l.charged.wait(anyShard, again))
		if wait > longest {
			longest, refused = wait, c
		}
	}
	if longest > 0 {
		l.metrics.limited()
		return refused.limited(longest)
	}
	return nil
}

// takeGuard takes the events of s from the guard of its tenant, or refuses s. It applies if the
// tenant has no rate and s is about no other tenant.
func (l *limiter) takeGuard(s *submission) error {
	if !l.guard.Limited() || len(s.tenants) != 1 || l.rateOf(s.tenants[0]).Limited() {
		return nil
	}
	c := chargeTenant(s.tenants[0], l.guard, len(s.items))
	if wait := l.charged.wait(anyShard, c); wait > 0 {
		l.metrics.limited()
		return c.limited(wait)
	}
	l.charged.add(anyShard, c)
	return nil
}

// charge charges events of s to its rates although they are not counted: the items in places, which
// are duplicates, or all items if places is nil.
func (l *limiter) charge(s *submission, places map[int]bool) {
	if !s.limited {
		return
	}
	for _, c := range l.charges(s) {
		if places != nil {
			c.events = 0
			for i := range places {
				if c.policy == PolicyKey || s.sums.counters[s.items[i].counter].Tenant == c.tenant {
					c.events++
				}
			}
		}
		if places != nil {
			c.bucket += duplicates
		}
		l.charged.add(anyShard, c)
	}
}

// duplicates marks the bucket of events that were counted before. It has the same rate as the
// bucket of new events, and takes nothing from that.
const duplicates = "\tduplicates"

// chargeEarly is charge for a request whose events were not decoded.
func (l *limiter) chargeEarly(from Sender, tenant meter.Tenant, events int) {
	for _, c := range l.ofOne(from, tenant) {
		c.events = events
		l.charged.add(anyShard, c)
	}
}

// need is what s takes from a tenant's quota in the given days; room is how much must be left
// before it. In soft mode room exceeds the sum of all events but the last, so that only the last
// event may cross the quota. Events without tokens need nothing and are not the last.
func (s *submission) need(t meter.Tenant, days meter.TenantDays) (room, tokens int64) {
	var last int64
	for it := range s.itemsOf(t.Name) {
		if c := &s.sums.counters[it.counter]; c.Day >= days.From && c.Day < days.To {
			n := it.amounts[meter.Tokens]
			tokens += n // 10,000 events of 10^12 are far below 2^63
			if n > 0 {
				last = n
			}
		}
	}
	if t.Enforce == meter.EnforceStrict || tokens == 0 {
		return tokens, tokens
	}
	return tokens - last + 1, tokens
}
