package usage

import (
	"slices"
	"testing"
)

// TestMinutesThatFellAreKept renews minutes of which one took back more than it used.
func TestMinutesThatFellAreKept(t *testing.T) {
	before := &minutes{first: 100, tokens: []int64{3, -5, 7}}
	got := before.renewed(101, span{102, 102}, map[int64]int64{102: 9})
	if got == nil || got.first != 101 || !slices.Equal(got.tokens, []int64{-5, 9}) {
		t.Errorf("got %+v, want -5 and 9 from minute 101 on", got)
	}
}
