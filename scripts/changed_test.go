package scripts

import (
	"errors"
	"slices"
	"testing"
)

// changed expects the tenants that are new since look and returns the next one.
func (r *rig) changed(look ChangeCursor, want ...string) ChangeCursor {
	r.Helper()
	got, next, ok, err := r.ChangesSince(r.Context(), 0, look)
	slices.Sort(got)
	if err != nil || !ok || !slices.Equal(got, want) {
		r.Errorf("since %d: got %q, %v, %v; want %q", look, got, ok, err, want)
	}
	return next
}

func TestChangedNamesWhoeverHasGrownSinceTheLastLook(t *testing.T) {
	r := newRig(t)
	first := r.changed(0)
	r.add(chat(1), counter("zed", "chat", 1), counter("zed", "image", 1))
	second := r.changed(first, "acme", "zed")
	r.changed(first, "acme", "zed") // the reply may have been lost
	r.changed(second)
	r.add(chat(1))
	third := r.changed(second, "acme")
	r.add(lateChat(60, 1))
	r.changed(third, "acme")
	r.changed(0, "acme", "zed") // somebody new
}

// Each reader has its own place, and an idle Valkey is not written to.
func TestReadersOfChangesDoNotDisturbEachOther(t *testing.T) {
	r := newRig(t)
	a, b := r.changed(0), r.changed(0)
	for range 5 {
		r.add(chat(1))
		a = r.changed(a, "acme")
	}
	r.add(counter("zed", "chat", 1))
	r.changed(b, "acme", "zed")
	a = r.changed(a, "zed")
	before, err := r.client.Get(r.Context(), lookKey(0)).Int64()
	for range 10 {
		a = r.changed(a)
	}
	if after, err2 := r.client.Get(r.Context(), lookKey(0)).Int64(); errors.Join(err, err2) != nil || after != before {
		t.Errorf("look is %d after ten idle looks, was %d: %v", after, before, errors.Join(err, err2))
	}
}

// What is refused marks nobody.
func TestARefusedGroupChangesNobody(t *testing.T) {
	r := newRig(t)
	g := r.group(chat(1))
	g.IDs = []EventID{{"acme", "id", "0123456789ab"}}
	r.ingest(g)
	look := r.changed(0, "acme")
	again := r.group(chat(1))
	again.IDs = g.IDs
	if out := r.try(again); len(out.Seen) != 1 {
		t.Fatalf("got %+v", out)
	}
	r.changed(look)
}

func TestChangedNoticesThatLooksAreLost(t *testing.T) {
	r := newRig(t)
	r.add(chat(1))
	look := r.changed(0, "acme")
	if err := r.client.Del(r.Context(), lookKey(0), changedKey(0)).Err(); err != nil {
		t.Fatal(err)
	}
	_, next, ok, err := r.ChangesSince(r.Context(), 0, look)
	if ok || err != nil {
		t.Errorf("lost looks are not noticed: %v", err)
	}
	r.add(chat(1))
	r.changed(next, "acme")
}
