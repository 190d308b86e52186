package commit

// The approximate cost of a call of ingest.lua, in µs of Valkey's time: Valkey answers no other
// client meanwhile. BenchmarkIngest of package scripts measures it.
const (
	costOfCall    = 20
	costOfCounter = 3
	costOfLate    = 5 // a counter of late events has two more fields
	costOfTenant  = 1
	costOfID      = 6
	bytesPerCost  = 1024

	// Limits, by BenchmarkJudge of the same package.
	costOfRate     = 4
	costOfQuota    = 4 // plus a look-up in each hash of counters
	costOfLookup   = 2
	costOfFeatures = 4 // of a tenant, and of each feature
	costOfFeature  = 2

	// maxGroupCost limits a group of several requests.
	maxGroupCost = 8000
	// maxCallCost limits one request in one call; a more expensive one is staged (stage.go).
	maxCallCost = 12_000
	// maxPartCost limits a part of a staged request, of its events or of its limits. Limits up to
	// this cost are judged in the call that counts the request.
	maxPartCost = 3000
)

// costOf returns the cost of counters, ids and bytes of records.
func costOf(counters, late, tenants, ids, bytes int) int {
	return costOfCounter*counters + costOfLate*late + costOfTenant*tenants + costOfID*ids +
		bytes/bytesPerCost
}

// cost returns the cost of s in a call.
func (s *submission) cost() int {
	if s.staged != nil { // the call only publishes stored batches
		cost := costOfCall + costOf(0, 0, len(s.tenants), 0, 0)
		if s.staged.Judged > 0 {
			return cost
		}
		return cost + s.limitCost.all()
	}
	late := 0
	for i := range s.sums.counters {
		if s.sums.counters[i].Late {
			late++
		}
	}
	counters := len(s.sums.counters) - late
	cost := costOf(counters, late, len(s.tenants), s.ids, len(s.lines))
	return costOfCall + cost + s.limitCost.all()
}

// limitCost is the cost of a submission's limits. A group pays for a tenant's quota once, however
// many submissions of the tenant it has.
type limitCost struct{ quotas, others int }

func (l limitCost) all() int { return l.quotas + l.others }

// costOfLimits returns the cost of the limits of s.
func (c *committer) costOfLimits(s *submission) (cost limitCost) {
	if s.limited {
		lookups := costOfLookup * c.valkey.Hashes(c.shard)
		for _, t := range s.tenants {
			if c.limiter.rateOf(t).Limited() {
				cost.others += costOfRate
			}
			if enforced(t) {
				cost.quotas += costOfQuota + lookups
			}
		}
		if s.sender.Rate.Limited() {
			cost.others += costOfRate
		}
	}
	if c.limiter.mostFeatures > 0 {
		features, tenants := c.features.unseen(s.sums.counters)
		cost.others += costOfFeature*features + costOfFeatures*tenants
	}
	return cost
}

// flow names the queue that s waits in: its tenant's, or its caller's if s is about several
// tenants.
func (s *submission) flow() string {
	if len(s.tenants) == 1 {
		return s.tenants[0].Name
	}
	return "\t" + string(s.sender.Key[:]) // no tenant's name has a tab
}
