package price

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// ErrTooDear reports an event that would cost more than meter.MaxCost.
var ErrTooDear = fmt.Errorf("costs more than %s", meter.MaxCost)

// ErrUsage reports pools that are negative or add up to more than 2^63-1.
var ErrUsage = errors.New("pools of tokens do not add up")

// Call is what has to be paid for.
type Call struct {
	Tenant   string // its key
	Provider string // in any spelling that CanonicalProvider knows; "" if it is not known
	Model    string
	Tier     meter.ServiceTier
	At       time.Time // the event's time
	Usage    meter.Pools
}

// Quote is what a call costs, or why that is not known.
type Quote struct {
	Cost meter.Money // 0 unless the call is priced
	Why  Reason
	Pool meter.Pool // with NoRate and Disagree: the first pool that they are about
}

// Priced reports whether Cost is what the call costs.
func (q Quote) Priced() bool { return q.Why == Priced }

// Reason says why a call has no price.
type Reason uint8

const (
	// Priced calls have one.
	Priced Reason = iota
	// NoModel calls name no model.
	NoModel
	// UnknownModel calls name a model of which the provider has no price.
	UnknownModel
	// NoTier calls were made in a service tier in which the model has no price.
	NoTier
	// NoRate calls have tokens in a pool in which the model has no price.
	NoRate
	// Disagree calls name no provider, and not all that list the model ask the same.
	Disagree
)

var reasons = []string{Priced: "is priced", NoModel: "names no model",
	UnknownModel: "names a model without prices", NoTier: "names a service tier without prices",
	NoRate:   "has tokens in a pool without a price",
	Disagree: "names no provider, and providers of the model differ in price"}

// String is the end of a sentence that starts with the call.
func (r Reason) String() string { return reasons[r] }

// Cost is what a call costs. A call without tokens costs 0, whatever its model. The error is
// ErrTooDear or ErrUsage. Cost allocates nothing.
func (b *Book) Cost(c Call) (Quote, error) {
	tokens, ok := c.Usage.Total()
	if !ok {
		return Quote{}, ErrUsage
	}
	if tokens == 0 {
		return Quote{}, nil
	}
	if c.Model == "" {
		return Quote{Why: NoModel}, nil
	}
	var prices rates
	if q := b.rates(&c, &prices); !q.Priced() {
		return q, nil
	}
	cost, ok := total(&c.Usage, &prices)
	if !ok {
		return Quote{}, ErrTooDear
	}
	return Quote{Cost: cost}, nil
}

// total is ⌊(Σ tokens·price + 500,000) / 1,000,000⌋. ok is false if that exceeds meter.MaxCost.
// Each product is below 2^113, so 11 of them fit 128 bits.
func total(usage *meter.Pools, prices *rates) (cost meter.Money, ok bool) {
	const perTokens = 1_000_000
	var high, low, carry uint64
	for i, n := range usage {
		h, l := bits.Mul64(uint64(n), uint64(prices[i]))
		low, carry = bits.Add64(low, l, 0)
		high += h + carry
	}
	low, carry = bits.Add64(low, perTokens/2, 0)
	high += carry
	if high >= perTokens {
		return 0, false // the quotient has more than 64 bits
	}
	quotient, _ := bits.Div64(high, low, perTokens)
	if quotient > uint64(meter.MaxCost) {
		return 0, false
	}
	return meter.Money(quotient), true
}
