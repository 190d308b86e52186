package scripts

import (
	"errors"
	"testing"
)

// TestShardsAreNotedBesideTheState compares the number with the note, and with where tenants lie
// if the version before has left none.
func TestShardsAreNotedBesideTheState(t *testing.T) {
	for name, c := range map[string]struct {
		lie   map[int][]string // tenants by shard
		note  string
		claim int
		want  int // what the refusal names; 0: it is taken
	}{
		"a new Valkey":                    {claim: 4},
		"the same":                        {note: "4", claim: 4},
		"another":                         {note: "4", claim: 1, want: 4},
		"without a note, 1 to 1":          {lie: map[int][]string{0: {"acme", "bart"}}, claim: 1},
		"without a note, 1 to 4":          {lie: map[int][]string{0: {"acme", "bart", "cleo", "dora"}}, claim: 4, want: 1},
		"without a note, 4 to 1":          {lie: byShard(4, "acme", "bart", "cleo", "dora"), claim: 1, want: 4},
		"without a note, 4 to 4":          {lie: byShard(4, "acme", "bart", "cleo", "dora"), claim: 4},
		"without a note, changed by hand": {lie: map[int][]string{0: {"acme", "bart", "cleo", "dora"}, 3: {"acme", "zoe", "gina"}}, claim: 4},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for shard, tenants := range c.lie {
				for _, tenant := range tenants {
					if err := r.client.Do(t.Context(), "ZADD", changedKey(shard), 1, tenant).Err(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if c.note != "" {
				if err := r.client.Set(t.Context(), shardsKey, c.note, 0).Err(); err != nil {
					t.Fatal(err)
				}
			}
			v := New(r.rdb, c.claim)
			for range 2 {
				err := v.ClaimShards(t.Context())
				if c.want == 0 && err != nil || c.want > 0 && !errors.Is(err, ErrShards) {
					t.Fatalf("the answer is %v", err)
				}
			}
			noted := r.client.Get(t.Context(), shardsKey).Val()
			switch placed, _, err := v.PlacedShards(t.Context()); {
			case err != nil:
				t.Error(err)
			case c.want > 0 && (placed != c.want || noted != c.note):
				t.Errorf("placed by %d, want %d; the note is %q, before it was %q", placed, c.want, noted, c.note)
			case c.want == 0 && (placed != c.claim || noted == ""):
				t.Errorf("placed by %d, want %d; the note is %q", placed, c.claim, noted)
			}
		})
	}
}

// byShard places tenants.
func byShard(shards int, tenants ...string) map[int][]string {
	lie := map[int][]string{}
	for _, tenant := range tenants {
		lie[ShardOf(tenant, shards)] = append(lie[ShardOf(tenant, shards)], tenant)
	}
	return lie
}

// TestAShardIsClosedOnlyIfNothingWaits adds an event, which waits.
func TestAShardIsClosedOnlyIfNothingWaits(t *testing.T) {
	r := newRig(t)
	if _, err := r.CloseShard(t.Context(), 0, 7); err != nil {
		t.Fatal(err)
	}
	if _, err := r.CloseShard(t.Context(), 0, 7); err != nil {
		t.Errorf("it may not be repeated: %v", err)
	}
	if _, _, err := r.Ingest(t.Context(), 0, r.group(chat(5)), window, Query{}); !errors.Is(err, ErrRewound) {
		t.Errorf("a closed shard takes an event: %v", err)
	}
	rewound, ok, err := r.SealAll(t.Context(), 0)
	if err != nil || !ok || !rewound.Moved || rewound.Restored || rewound.HighWater != 7 {
		t.Errorf("a flusher finds %+v, %v, %v", rewound, ok, err)
	}
	if err := r.Resume(t.Context(), 0, rewound.ID, 7); err != nil {
		t.Fatal(err)
	}
	r.add(chat(5))
	if _, err := r.CloseShard(t.Context(), 0, 7); !errors.Is(err, ErrWaits) {
		t.Errorf("a shard in which an event waits: %v", err)
	}
	r.add(chat(5)) // it is open
}
