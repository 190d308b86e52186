package ingest

// What a call of ingest.lua costs Valkey, in µs of its time, roughly: it answers nobody else
// meanwhile. BenchmarkIngest of package scripts measures it.
const (
	costOfCall    = 20
	costOfCounter = 3
	costOfLate    = 5 // a counter of late events has two fields more
	costOfTenant  = 2
	costOfID      = 6
	bytesPerCost  = 1024

	// maxGroupCost is where a group of several requests ends.
	maxGroupCost = 8000
	// maxCallCost is what one request may cost in one call; a larger one is staged (stage.go).
	maxCallCost = 12_000
	// maxPartCost is what a part of that may cost.
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
		return costOfCall + costOf(0, 0, len(s.tenants), 0, 0)
	}
	late := 0
	for i := range s.sums.counters {
		if s.sums.counters[i].Late {
			late++
		}
	}
	return costOfCall + costOf(len(s.sums.counters)-late, late, len(s.tenants), s.ids, len(s.lines))
}

// flow names the queue that s waits in: its tenant's, or its caller's if s is about several tenants.
func (s *submission) flow() string {
	if len(s.tenants) == 1 {
		return s.tenants[0].Name
	}
	return "\t" + string(s.caller.id[:]) // no tenant's name has a tab
}
