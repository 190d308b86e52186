package commit

// What a call of ingest.lua costs Valkey, in µs of its time, roughly: it answers nobody else
// meanwhile. BenchmarkIngest of package scripts measures it.
const (
	costOfCall    = 20
	costOfCounter = 3
	costOfLate    = 5 // a counter of late events has two fields more
	costOfTenant  = 1
	costOfID      = 6
	bytesPerCost  = 1024

	// Limits, by BenchmarkJudge of the same package.
	costOfRate     = 4
	costOfQuota    = 4 // and a look-up in each hash of counters
	costOfLookup   = 2
	costOfFeatures = 4 // of a tenant, and each feature
	costOfFeature  = 2

	// maxGroupCost is where a group of several requests ends.
	maxGroupCost = 8000
	// maxCallCost is what one request may cost in one call; a larger one is staged (stage.go).
	maxCallCost = 12_000
	// maxPartCost is what a part of that may cost, of its events or of its limits. Limits that
	// cost no more are judged in the call that counts it.
	maxPartCost = 3000
)

// costOf is what so many counters, ids and bytes of lines cost.
func costOf(counters, late, tenants, ids, bytes int) int {
	return costOfCounter*counters + costOfLate*late + costOfTenant*tenants + costOfID*ids +
		bytes/bytesPerCost
}

// cost is what s costs in a call.
func (s *submission) cost() int {
	if s.staged != nil { // the call only shows what is stored
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

// limitCost is what the limits of a submission cost. Those of quotas are paid once a group, however
// many submissions of a tenant it has.
type limitCost struct{ quotas, others int }

func (l limitCost) all() int { return l.quotas + l.others }

// costOfLimits is what the limits of s cost.
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

// flow names the queue that s waits in: its tenant's, or its caller's if s is about several tenants.
func (s *submission) flow() string {
	if len(s.tenants) == 1 {
		return s.tenants[0].Name
	}
	return "\t" + string(s.sender.Key[:]) // no tenant's name has a tab
}
