package outbox

import "github.com/lib/pq"

const (
	// maxInFlight is how many requests there may be at once. Retries take at most half of
	// them, so that webhooks that hang leave room for new alerts.
	maxInFlight = 128
	// maxPerHost is how many of them may be to one host.
	maxPerHost = 8
)

// flight is an attempt under way. Its lane is the digest of its URL, or something else that no
// other flight has if it leads nowhere any more.
type flight struct{ lane, host string }

// flights are the attempts under way.
type flights struct {
	lanes map[string]bool
	hosts map[string]int
}

// busy is what a claim must pass over.
type busy struct {
	lanes pq.ByteaArray  // URLs that are being posted to
	full  pq.StringArray // hosts with as many requests as one may have
	held  pq.StringArray // hosts that do not answer: no retries, unless it is a delivery's last
	first bool           // first attempts only
}

// busy is what the next claim must pass over.
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
