package usage

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// A tenant with more counters than one call may look at is told apart from those that are asked
// for together with it: its sum is exact and its features say stale, and theirs are whole.
func TestManyCountersOfOneTenantAreItsOwnAffair(t *testing.T) {
	b := newBench(t)
	b.exec(b.env.DB, "INSERT INTO tenants (name) VALUES ('initech')")
	b.refresh()
	day := meter.DayAt(b.Now(), time.UTC)
	number := int64(0)
	add := func(tenant string, features int) {
		var counters []scripts.Counter
		for f := range features {
			counters = append(counters, scripts.Counter{Minute: b.Now().Unix() / 60, Day: day,
				Tenant:  tenant,
				Feature: fmt.Sprint("feature-", f), Amounts: meter.Amounts{1, 1}})
		}
		for part := range slices.Chunk(counters, 1000) {
			number++
			g := scripts.Group{Committer: "c", Number: number, Lines: []byte("line"), Counters: part}
			if _, _, err := b.valkey.Ingest(t.Context(), 0, g, time.Hour, scripts.Query{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The first two fit one call each, but not both into one.
	add("acme", 6000)
	add("globex", 6000)
	add("initech", 11_000)
	var all []meter.Tenant
	for _, name := range []string{"acme", "globex", "initech"} {
		tenant, _ := b.tenants.Get(name)
		all = append(all, tenant)
	}
	for i, want := range []struct {
		tokens   int64
		features int
		stale    bool
	}{{6000, 6000, false}, {6000, 6000, false}, {11_000, 0, true}} {
		got := b.readers[0].read(all)[i]
		if got.err != nil || got.usage.Used[meter.Tokens] != want.tokens ||
			len(got.usage.Features) != want.features ||
			got.usage.Stale != want.stale {
			t.Errorf("%s: %d tokens in %d features, stale %t, %v; want %+v", all[i].Name,
				got.usage.Used[meter.Tokens],
				len(got.usage.Features), got.usage.Stale, got.err, want)
		}
	}
}
