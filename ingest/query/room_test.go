package query

import (
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/budget"
)

// Exports and series are bounded for each holder, and in all.
func TestTurns(t *testing.T) {
	places := turns(2, 9)
	acme, nobody := budget.Holder{Tenant: "acme"}, budget.Holder{}
	for _, c := range []struct {
		who  budget.Holder
		want []bool
	}{{acme, []bool{true, true, false}}, {nobody, []bool{true, true, true, true, true, true, true, false}}} {
		for i, want := range c.want {
			if got := places.Enter(c.who); got != want {
				t.Errorf("turn %d of %+v: %t", i+1, c.who, got)
			}
		}
	}
	places.Leave(acme)
	places.Leave(acme)
	for i, want := range []bool{true, false} { // of four times two, and of two that are left
		if got := places.Enter(nobody); got != want {
			t.Errorf("turn %d with AUTH=off: %t", i+8, got)
		}
	}
}
