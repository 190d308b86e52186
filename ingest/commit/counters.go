package commit

import (
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// fewCounters is the number of counters up to which a linear search is faster than a map: searching
// one to four takes 5 to 30 ns, a map 60 ns (BenchmarkSums).
const fewCounters = 8

// sums adds up counters, one for each (minute, late, day, tenant, feature). The zero value is
// empty.
type sums struct {
	counters []scripts.Counter
	at       map[scripts.Counter]int // by the counter without its amounts; nil while there are few
}

// add adds c and returns its place among the counters.
func (s *sums) add(c scripts.Counter) int {
	i := s.find(&c)
	sum := &s.counters[i].Amounts
	for a := range sum {
		sum[a] += c.Amounts[a] // 20,000 events of 10^12 are far below 2^63
	}
	return i
}

// find returns the place of c's counter, which it adds if there is none.
func (s *sums) find(c *scripts.Counter) int {
	for i := range s.counters[:min(len(s.counters), fewCounters)] {
		if sameCounter(&s.counters[i], c) {
			return i
		}
	}
	key := *c
	key.Amounts = meter.Amounts{}
	if len(s.counters) >= fewCounters {
		if i, ok := s.at[key]; ok {
			return i
		}
		if s.at == nil {
			s.at = make(map[scripts.Counter]int, 64)
		}
		s.at[key] = len(s.counters)
	}
	s.counters = append(s.counters, key)
	return len(s.counters) - 1
}

// sameCounter reports whether a and b count the same thing.
func sameCounter(a, b *scripts.Counter) bool {
	return a.Feature == b.Feature && a.Tenant == b.Tenant &&
		a.Minute == b.Minute && a.Day == b.Day && a.Late == b.Late
}
