package demo

import (
	"math"
	"math/rand/v2"
	"time"
)

const (
	// spread is the sigma of the lognormal token counts. With 1.1 the mean is 1.8
	// medians and one call in a hundred is longer than 13: prompts with a document in them.
	spread = 1.1
	// longestCall is a model's full context, in tokens.
	longestCall = 200_000
)

// rhythm is how busy a tenant is at a local time: 1.75 at three in the afternoon, 0.25
// at three at night, 1 on average; 0.4 times that on a weekend.
func rhythm(local time.Time) float64 {
	hour := float64(local.Hour()) + float64(local.Minute())/60
	busy := 1 + 0.75*math.Cos(2*math.Pi*(hour-15)/24)
	if day := local.Weekday(); day == time.Saturday || day == time.Sunday {
		busy *= 0.4
	}
	return busy
}

// callTokens draws the tokens of one call.
func callTokens(rng *rand.Rand, f feature) int64 {
	n := f.median * math.Exp(spread*rng.NormFloat64())
	return int64(min(max(math.Round(n), 1), longestCall))
}

// pick draws an index with a probability in proportion to its weight. The weights must
// not all be 0.
func pick(rng *rand.Rand, n int, weight func(int) float64) int {
	var sum float64
	for i := range n {
		sum += weight(i)
	}
	at := rng.Float64() * sum
	last := 0
	for i := range n {
		w := weight(i)
		if w <= 0 {
			continue
		}
		if last = i; at < w {
			return i
		}
		at -= w
	}
	return last // rounding left a little of the sum over
}
