package fair

import "testing"

func TestALimitHoldsForEachFlow(t *testing.T) {
	l := NewLimit(2)
	for _, c := range []struct {
		flow string
		room bool
	}{{"a", true}, {"a", true}, {"a", false}, {"b", true}} {
		if got := l.Enter(c.flow); got != c.room {
			t.Errorf("a place for %s: %t", c.flow, got)
		}
	}
	l.Leave("a")
	for _, room := range []bool{true, false} {
		if got := l.Enter("a"); got != room {
			t.Errorf("the place that was left: %t, want %t", got, room)
		}
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
