package flusher

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// A Valkey that has lost which features a tenant has must not let it have as many anew.
func TestFeaturesAreKnownAfterARecovery(t *testing.T) {
	r := newRewinder(t)
	r.in(t, "acme")
	old := r.copyData()
	for _, feature := range []string{"a", `b "\`, "é"} {
		status, answer := r.post(fmt.Sprintf(`{"tenant":"acme","feature":%q,"tokens":1}`, feature))
		if status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	r.Set(r.Now().AddDate(0, 0, 1)) // closes the minute
	r.flush()
	known := func() map[string]string {
		all, err := r.Valkey.HGetAll(t.Context(), "fm:{0}:features:acme").Result()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := known()
	if got := slices.Sorted(maps.Keys(before)); !slices.Equal(got, []string{"a", `b "\`, "é"}) {
		t.Fatalf("before the loss: %q", got)
	}
	for range 2 {
		r.putBack(old, nil)
		r.send("acme", "") // somebody notices
		r.flush()
		if after := known(); !maps.Equal(after, before) {
			t.Errorf("after it: %v, want %v", after, before)
		}
		ttl, err := r.Valkey.TTL(t.Context(), "fm:{0}:features:acme").Result()
		if err != nil || ttl <= 0 {
			t.Errorf("it is kept for %v, %v", ttl, err)
		}
	}
}
