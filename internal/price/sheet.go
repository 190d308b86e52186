package price

import (
	"cmp"
	"slices"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// step is a price of one pool from an instant on, for inputs of a context tier.
type step struct {
	from      int64 // microseconds since 1970
	above     int64
	price     meter.TokenPrice
	inclusive bool
	withdrawn bool
}

// sheet is the prices of one model from one origin, by service tier and pool. Steps are in the
// order in which they are tried: the highest context tier first, and in it the latest.
type sheet [meter.NumServiceTiers]*[meter.NumPools][]step

// add adds a row. sort comes after the last one.
func (s *sheet) add(r Row) {
	if s[r.Tier] == nil {
		s[r.Tier] = new([meter.NumPools][]step)
	}
	steps := &s[r.Tier][r.Pool]
	*steps = append(*steps, step{from: r.From.UnixMicro(), above: r.Above, price: r.Price,
		inclusive: r.Inclusive, withdrawn: r.Withdrawn})
}

func (s *sheet) sort() {
	for _, pools := range s {
		if pools == nil {
			continue
		}
		for _, steps := range pools {
			slices.SortStableFunc(steps, func(a, b step) int {
				return cmp.Or(cmp.Compare(b.above, a.above), cmp.Compare(b.from, a.from))
			})
		}
	}
}

// rate is the price of a pool at an instant, for an event with so many input tokens.
func (s *sheet) rate(
	tier meter.ServiceTier, pool meter.Pool, at, input int64,
) (price meter.TokenPrice, ok bool) {
	if s[tier] == nil {
		return 0, false
	}
	decided := int64(-1) // the context tier whose latest step is known
	steps := s[tier][pool]
	for i := range steps {
		st := &steps[i]
		if st.from > at || st.above == decided {
			continue
		}
		decided = st.above
		if !st.withdrawn && st.reached(input) {
			return st.price, true
		}
	}
	return 0, false
}

// reached reports whether an event with so many input tokens is in the step's context tier.
func (st *step) reached(input int64) bool {
	return st.above == 0 || input > st.above || st.inclusive && input == st.above
}
