package fair

import "testing"

func TestALimitHoldsForEachFlow(t *testing.T) {
	l := NewLimit(2)
	if !l.Enter("a") || !l.Enter("a") || l.Enter("a") || !l.Enter("b") {
		t.Error("a must have two places, and b its own")
	}
	l.Leave("a")
	if !l.Enter("a") || l.Enter("a") {
		t.Error("a place that was left must be free again, and no other")
	}
	for range 2 {
		l.Leave("a")
	}
	l.Leave("b")
	if len(l.held) > 0 {
		t.Errorf("%d flows are remembered", len(l.held))
	}
	any := NewLimit(0)
	for range 1000 {
		if !any.Enter("a") {
			t.Fatal("0 must be any number")
		}
	}
}
