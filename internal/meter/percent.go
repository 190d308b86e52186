package meter

import (
	"math"
	"math/bits"
)

// Percent is used as a percentage of quota, rounded down to two decimals: a tenant
// never reads 80 before [Reached] says so. It is exact for every pair of int64, as
// far as a float64 can hold the result: above 9·10^13 % it has no decimals, and is
// then rounded down too. Without a quota (0 or less) and for used below 0 it is 0.
func Percent(used, quota int64) float64 {
	if used <= 0 || quota <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(used), 100*100)
	hi, lo = div128(hi, lo, uint64(quota)) // hundredths of a percent
	if hi == 0 && lo < 1<<53 {
		return float64(lo) / 100
	}
	hi, lo = div128(hi, lo, 100)
	// Keep the 53 bits that a float64 has; converting all of them may round up.
	excess := max(bits.Len64(hi)+64-53, 0)
	if hi == 0 {
		excess = max(bits.Len64(lo)-53, 0)
	}
	kept := hi<<(64-excess) | lo>>excess
	return math.Ldexp(float64(kept), excess)
}

// Reached reports whether used is at least threshold percent of quota, computed
// exactly. There is nothing to reach without a quota (0 or less); used and
// threshold below 0 count as 0.
func Reached(used, quota int64, threshold int) bool {
	if quota <= 0 {
		return false
	}
	usedHi, usedLo := bits.Mul64(uint64(max(used, 0)), 100)
	needHi, needLo := bits.Mul64(uint64(quota), uint64(max(threshold, 0)))
	return usedHi > needHi || usedHi == needHi && usedLo >= needLo
}

// Remaining is the tokens left of quota, never below 0. Arguments below 0 count as 0.
func Remaining(used, quota int64) int64 {
	return max(max(quota, 0)-max(used, 0), 0)
}

// div128 divides the 128-bit number hi, lo by y, rounding down. y > 0.
func div128(hi, lo, y uint64) (qhi, qlo uint64) {
	qhi = hi / y
	qlo, _ = bits.Div64(hi%y, lo, y)
	return qhi, qlo
}
