package scripts

import (
	"fmt"
	"strings"
	"testing"
)

// A tenant that moved to another shard would leave its open counters behind: these
// values must never change.
func TestShardOfIsStable(t *testing.T) {
	for _, c := range []struct {
		tenant  string
		shards  int
		want    int
		comment string
	}{
		{"acme-corp", 0, 0, "no number of shards is one shard"},
		{"acme-corp", 1, 0, ""},
		{"acme-corp", 2, 0, ""},
		{"acme-corp", 16, 2, ""},
		{"", 16, 5, ""},
		{"🦉", 16, 1, ""},
		{"customer-1", 1000, 823, ""},
	} {
		if got := ShardOf(c.tenant, c.shards); got != c.want {
			t.Errorf("ShardOf(%q, %d) = %d, want %d %s", c.tenant, c.shards, got, c.want, c.comment)
		}
	}
}

func TestShardOfSpreadsTenants(t *testing.T) {
	const tenants, shards = 10_000, 7
	var got [shards]int
	for i := range tenants {
		got[ShardOf(fmt.Sprintf("customer-%d", i), shards)]++ // out of range panics
	}
	for shard, n := range got {
		if n < tenants/shards*8/10 || n > tenants/shards*12/10 {
			t.Errorf("shard %d has %d of %d tenants", shard, n, tenants)
		}
	}
}

// All keys of a call must lie in one slot of a cluster, whatever a tenant is called:
// the slot is that of the text between the first { and the first } behind it.
func TestKeysOfAShardShareASlot(t *testing.T) {
	for _, key := range []string{rawKey(3), rawBytesKey(3), minutePrefix(3) + "29700000", minutesKey(3), lateKey(3), sealedRawKey(3),
		sealedSumKey(3), settledKey(3), rawPrefix(3) + "id", sumPrefix(3) + "id", groupKey(3, "{x}"), slicesKey(3),
		seenPrefix(3) + "1:fff", seqKey(3), acceptedKey(3), flushedKey(3), readsKey(3), changedKey(3), lookKey(3),
		ratePrefix(3) + "t:{x}", featuresPrefix(3) + "{x}", droppedKey(3)} {
		_, rest, _ := strings.Cut(key, "{")
		if tag, _, ok := strings.Cut(rest, "}"); !ok || tag != "3" {
			t.Errorf("%q has the hash tag %q, want 3", key, tag)
		}
	}
}
