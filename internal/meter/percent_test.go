package meter

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		used, quota int64
		want        float64
	}{
		{0, 100, 0},
		{1, 3, 33.33},
		{2, 3, 66.66},
		{799_999, 1_000_000, 79.99},
		{800_000, 1_000_000, 80},
		{999_999_999_999, 1_000_000_000_000, 99.99},
		{3, 1, 300},
		{1, 10_000, 0.01},
		{1, 10_001, 0},
		{math.MaxInt64, math.MaxInt64, 100},
		{math.MaxInt64 - 1, math.MaxInt64, 99.99},
		{1, math.MaxInt64, 0},
		{math.MaxInt64, 1, 922_337_203_685_477_478_400}, // the float64 below 2^63·100 - 100
		{5, 0, 0},
		{5, -1, 0},
		{-5, 100, 0},
		{math.MinInt64, math.MinInt64, 0},
	} {
		if got := Percent(c.used, c.quota); got != c.want {
			t.Errorf("Percent(%d, %d) = %v, want %v", c.used, c.quota, got, c.want)
		}
	}
}

func TestReached(t *testing.T) {
	for _, c := range []struct {
		used, quota int64
		threshold   int
		want        bool
	}{
		{79, 100, 80, false},
		{80, 100, 80, true},
		{2, 3, 67, false},
		{3, 3, 100, true},
		{149, 100, 150, false},
		{150, 100, 150, true},
		{math.MaxInt64, math.MaxInt64, 100, true},
		{math.MaxInt64 - 1, math.MaxInt64, 100, false},
		{math.MaxInt64, math.MaxInt64, 101, false},
		{math.MaxInt64, math.MaxInt64, math.MaxInt, false},
		{0, 100, 0, true},
		{0, 100, -1, true},
		{-1, 100, 1, false},
		{1, 0, 80, false},
		{1, -1, 80, false},
	} {
		if got := Reached(c.used, c.quota, c.threshold); got != c.want {
			t.Errorf("Reached(%d, %d, %d) = %t, want %t", c.used, c.quota, c.threshold, got, c.want)
		}
	}
}

func TestRemaining(t *testing.T) {
	for _, c := range []struct{ used, quota, want int64 }{
		{30, 100, 70},
		{100, 100, 0},
		{130, 100, 0},
		{-5, 100, 100},
		{math.MinInt64, math.MaxInt64, math.MaxInt64},
		{math.MaxInt64, math.MinInt64, 0},
		{5, 0, 0},
	} {
		if got := Remaining(c.used, c.quota); got != c.want {
			t.Errorf("Remaining(%d, %d) = %d, want %d", c.used, c.quota, got, c.want)
		}
	}
}

// drawTokens draws counts that are as often small as they are near the limit.
func drawTokens(t *rapid.T, label string) int64 {
	return rapid.OneOf(
		rapid.Int64Range(1, 1_000),
		rapid.Int64Range(1, MaxTokens),
		rapid.Int64Range(1, math.MaxInt64),
		rapid.Int64Range(math.MaxInt64-1_000, math.MaxInt64),
	).Draw(t, label)
}

func TestPercentIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		used, quota := drawTokens(t, "used"), drawTokens(t, "quota")
		hundredths := new(big.Int).Mul(big.NewInt(used), big.NewInt(10_000))
		hundredths.Quo(hundredths, big.NewInt(quota))
		got := Percent(used, quota)
		if hundredths.BitLen() <= 53 {
			if want := float64(hundredths.Int64()) / 100; got != want {
				t.Fatalf("Percent(%d, %d) = %v, want %v", used, quota, got, want)
			}
			return
		}
		// The largest float64 that is not above the whole percent.
		want, _ := new(big.Float).SetPrec(53).SetMode(big.ToZero).
			SetInt(hundredths.Quo(hundredths, big.NewInt(100))).Float64()
		if got != want {
			t.Fatalf("Percent(%d, %d) = %v, want %v", used, quota, got, want)
		}
	})
}

func TestPercentShowsAThresholdExactlyWhenReached(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quota, threshold := drawTokens(t, "quota"), rapid.IntRange(1, 200).Draw(t, "threshold")
		// The first count that reaches the threshold, and its neighbours.
		need := new(big.Int).Mul(big.NewInt(quota), big.NewInt(int64(threshold)))
		need.Add(need, big.NewInt(99)).Quo(need, big.NewInt(100))
		if !need.IsInt64() {
			t.Skip("more than an int64 can count")
		}
		first := need.Int64()
		for used, want := range map[int64]bool{first - 1: false, first: true} {
			if got := Reached(used, quota, threshold); got != want {
				t.Fatalf("Reached(%d, %d, %d) = %t, want %t", used, quota, threshold, got, want)
			}
			if shown := Percent(used, quota); (shown >= float64(threshold)) != want {
				t.Fatalf("Percent(%d, %d) = %v, but Reached(%d) is %t", used, quota, shown, threshold, want)
			}
		}
	})
}
