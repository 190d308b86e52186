package commit

import (
	"fmt"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Each event counts, wherever it is in a request.
func TestTheContentOfARequestIsAllOfIt(t *testing.T) {
	digest := func(change int, to meter.Event) string {
		var c requestContent
		for i := range 200 {
			e := meter.Event{Tenant: "acme", Feature: "chat", Amounts: meter.OneEvent(1)}
			if i == change {
				e = to
			}
			c.add(&e)
		}
		return c.digest()
	}
	known := map[string]string{digest(-1, meter.Event{}): "none"}
	for i := range 200 {
		for name, to := range map[string]meter.Event{
			"tokens": {Tenant: "acme", Feature: "chat", Amounts: meter.OneEvent(2)}, "an id": {Tenant: "acme", Feature: "chat", Amounts: meter.OneEvent(1), ID: "x"},
			"names": {Tenant: "acmec", Feature: "hat", Amounts: meter.OneEvent(1)}, "a time": {Tenant: "acme", Feature: "chat", Amounts: meter.OneEvent(1), At: arrival},
		} {
			this := fmt.Sprintf("%s of event %d", name, i)
			if other, ok := known[digest(i, to)]; ok {
				t.Errorf("%s is no other content than %s", this, other)
			}
			known[digest(i, to)] = this
		}
	}
}

// Of two requests under a key in a group the script would take both for new.
func TestAGroupHasAKeyOnce(t *testing.T) {
	var g group
	for i, want := range []bool{true, false, true} {
		s := newSubmission(0, 1)
		s.request = scripts.RequestKey("", fmt.Sprint("k", i/2), fmt.Sprint("content ", i))
		if got := g.add(s); got != want {
			t.Errorf("submission %d has a place: %v", i, got)
		}
	}
}
