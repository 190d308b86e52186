package commit

import (
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// charge is what a request would take from one bucket.
type charge struct {
	policy string
	tenant string // of policyTenant: the tenant's key
	shown  string // the tenant's name in answers
	bucket string
	rate   meter.Rate
	events int
}

func chargeTenant(t meter.Tenant, rate meter.Rate, events int) charge {
	return charge{policy: PolicyTenant, tenant: t.Name, shown: t.Shown(),
		bucket: scripts.TenantBucket(t.Name), rate: rate, events: events}
}

func chargeKey(from Sender, events int) charge {
	bucket := scripts.KeyBucket(from.Key.String())
	return charge{policy: PolicyKey, bucket: bucket, rate: from.Rate, events: events}
}

// limited returns the refusal of a charge that must wait.
func (c charge) limited(wait time.Duration) RateLimited {
	// A request that waits for n events to drain has that many fewer left than it needs.
	missing := (wait.Microseconds()*c.rate.PerSecond + micro - 1) / micro
	return RateLimited{Tenant: c.shown, RateStatus: RateStatus{
		Policy: c.policy, Rate: c.rate, Remaining: max(0, int64(c.events)-missing), Reset: wait}}
}

// largerThanBurst returns the refusal of a charge that can never pass.
func (c charge) largerThanBurst() LargerThanBurst {
	return LargerThanBurst{Tenant: c.shown, Rate: c.rate, Events: c.events}
}
