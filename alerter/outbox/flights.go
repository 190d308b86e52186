package outbox

import "github.com/lib/pq"

const (
	// maxInFlight is how many requests may be in flight. Retries use at most half of them, so that
	// webhooks that hang leave room for new alerts.
	maxInFlight = 128
	// maxPerHost is how many of them may go to one host.
	maxPerHost = 8
)

// flight is an attempt in progress. Its lane is the digest of its URL. If it has no URL any more,
// its lane is another value that no other flight has.
type flight struct{ lane, host string }

// flights are the attempts in progress.
type flights struct {
	lanes map[string]bool
	hosts map[string]int
}

// busy lists what a claim must skip.
type busy struct {
	lanes pq.ByteaArray  // URLs that are being posted to
	full  pq.StringArray // hosts with maxPerHost requests
	held  pq.StringArray // hosts that do not answer: no retry but a delivery's last
	first bool           // first attempts only
}

// busy returns what the next claim must skip.
func (f flights) busy(held []string) busy {
	b := busy{held: held, first: len(f.lanes) >= maxInFlight/2}
	for lane := range f.lanes {
		b.lanes = append(b.lanes, []byte(lane))
	}
	for host, n := range f.hosts {
		if n >= maxPerHost {
			b.full = append(b.full, host)
		}
	}
	return b
}

func (f flights) begin(one flight) {
	f.lanes[one.lane] = true
	f.hosts[one.host]++
}

func (f flights) end(one flight) {
	delete(f.lanes, one.lane)
	if f.hosts[one.host]--; f.hosts[one.host] == 0 {
		delete(f.hosts, one.host)
	}
}
