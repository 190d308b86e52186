package scripts

import (
	"maps"
	"slices"
	"testing"
)

// counted is what EachCounted passes.
func (r *rig) counted() map[MinuteKey]bool {
	r.Helper()
	rows := map[MinuteKey]bool{}
	if err := r.EachCounted(r.Context(), func(row MinuteKey) { rows[row] = true }); err != nil {
		r.Fatal(err)
	}
	return rows
}

// raw is what EachRaw passes, in order.
func (r *rig) raw() (groups []string) {
	r.Helper()
	if err := r.EachRaw(r.Context(), func(part []string) { groups = append(groups, part...) }); err != nil {
		r.Fatal(err)
	}
	return groups
}

func TestCountersAreFoundAllTheWay(t *testing.T) {
	r := newRig(t)
	r.add(chat(1), lateChat(90, 1))
	r.add(counter("globex", "code", 1))
	want := map[MinuteKey]bool{{"acme", "chat", now}: true, {"acme", "chat", now - 90}: true, {"globex", "code", now}: true}
	check := func(where string) {
		t.Helper()
		if got := r.counted(); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", where, got, want)
		}
	}
	check("open")
	sealed := r.seal(now + 1)
	check("sealed")
	ids := []string{sealed.Sums[0].ID, sealed.Sums[1].ID}
	r.ack(nil, ids)
	check("settled")
	if err := r.Drop(t.Context(), 0, ids); err != nil {
		t.Fatal(err)
	}
	want = nil
	check("dropped")
}

func TestRawEventsAreFoundUntilTheyAreAcknowledged(t *testing.T) {
	r := newRig(t)
	r.add(chat(1))
	check := func(where string, want ...string) {
		t.Helper()
		if got := r.raw(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", where, got, want)
		}
	}
	check("open", "line 1")
	sealed := r.seal(now)
	check("sealed", "line 1")
	r.add(chat(1))
	check("both", "line 2", "line 1")
	r.ack([]string{sealed.Raw[0].ID}, nil)
	check("acknowledged", "line 2")
}

func TestCountersOfAllShardsAreFound(t *testing.T) {
	r := newRig(t)
	r.Valkey = New(r.client, 2)
	for shard := range 2 {
		g := r.group(counter("t", string(rune('a'+shard)), 1))
		if _, _, err := r.Ingest(t.Context(), shard, g, window, Query{}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := r.counted(), (map[MinuteKey]bool{{"t", "a", now}: true, {"t", "b", now}: true}); !maps.Equal(got, want) {
		t.Errorf("counters %v, want %v", got, want)
	}
	if got := r.raw(); !slices.Equal(got, []string{"line 1", "line 2"}) {
		t.Errorf("raw %q", got)
	}
}
