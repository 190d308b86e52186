package fair

import "testing"

// enters fails the test unless the requests of these flows are let in as wanted, one after the other.
func enters(t *testing.T, l *Limit[string], flows string, want ...bool) {
	t.Helper()
	for i, flow := range flows {
		if got := l.Enter(string(flow)); got != want[i] {
			t.Errorf("a place for %c: %t", flow, got)
		}
	}
}

func TestALimitHoldsForEachFlow(t *testing.T) {
	l := NewLimit(Each[string](2), 0)
	enters(t, l, "aaab", true, true, false, true)
	l.Leave("a")
	enters(t, l, "aa", true, false)
	for _, flow := range []string{"a", "a", "b"} {
		l.Leave(flow)
	}
	if len(l.held) > 0 || l.taken != 0 {
		t.Errorf("%d flows with %d requests are remembered", len(l.held), l.taken)
	}
}

func TestALimitHoldsForAll(t *testing.T) {
	l := NewLimit(func(flow string) int { return map[string]int{"a": 3}[flow] }, 5)
	enters(t, l, "aaaa", true, true, true, false)
	enters(t, l, "bbc", true, true, false) // 0 is any number, as long as there are places
	l.Leave("b")
	enters(t, l, "cb", true, false)
}

func TestNoLimit(t *testing.T) {
	l := NewLimit(Each[string](0), 0)
	for range 1000 {
		enters(t, l, "a", true)
	}
}
