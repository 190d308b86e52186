package scripts

import (
	"fmt"
	"testing"
)

func (r *rig) remember(ids ...EventID) {
	r.Helper()
	const marker = "0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e"
	if err := r.client.Set(r.Context(), rewoundKey(0), marker+" 0 test", 0).Err(); err != nil {
		r.Fatal(err)
	}
	if err := r.Remember(r.Context(), 0, marker, window, ids); err != nil {
		r.Fatal(err)
	}
	if err := r.Resume(r.Context(), 0, marker, 0); err != nil {
		r.Fatal(err)
	}
}

func TestRememberMakesIDsSeen(t *testing.T) {
	r := newRig(t)
	var all []EventID
	for i := range 2*RememberChunk + 1 {
		all = append(all, EventID{"acme", fmt.Sprint(i), AnyContent})
	}
	all[0].Content = "known"
	r.remember(all...)

	r.seenAs(EventID{"acme", "0", "known"}, true)
	r.seenAs(EventID{"acme", "0", "other"}, false)
	for _, i := range []int{1, RememberChunk - 1, RememberChunk, 2*RememberChunk - 1, 2 * RememberChunk} {
		id := all[i]
		id.Content = "whatever"
		if out := r.send(id); len(out.Seen) != 1 || !out.Seen[0].Same {
			t.Fatalf("%v: %+v, want seen with the same content", id, out.Seen)
		}
	}
	r.fresh(EventID{"zed", "1", "x"})
	if got := r.slices(); len(got) != 1 || got[0].ids != len(all)+1 {
		t.Errorf("slices %v, want one with %d ids", got, len(all)+1)
	}
}

func TestRememberMayBeRepeated(t *testing.T) {
	r := newRig(t)
	ids := []EventID{{"acme", "a", AnyContent}, {"acme", "b", "x"}}
	r.remember(ids...)
	before := r.dump()
	r.remember(ids...)
	r.same(before)
}

func TestRememberIsForTheLossOfItsMarker(t *testing.T) {
	r := newRig(t)
	for _, noticed := range []string{"", "another 0 test", "marker-2 0 test"} {
		if noticed != "" {
			r.client.Set(t.Context(), rewoundKey(0), noticed, 0)
		}
		before := r.dump()
		if err := r.Remember(t.Context(), 0, "marker", window, []EventID{e1}); err != nil {
			t.Fatal(err)
		}
		r.same(before)
	}
}

func TestRememberKeepsTheContentAndRenewsTheWindow(t *testing.T) {
	r := newRig(t)
	r.fresh(e1)
	r.pass(window)
	r.remember(EventID{e1.Tenant, e1.ID, AnyContent})
	r.pass(window)
	r.seenAs(e1, true)
	r.seenAs(EventID{e1.Tenant, e1.ID, "other content"}, false)
}
