package flusher

import (
	"context"
	"fmt"
	"maps"
	"time"

	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// compareSeries asks a reader for one series and compares each of its points with the model.
// Each call asks for another tenant, step or feature. Whatever the step, the points of a
// period must add up to its usage.
func (m *machine) compareSeries(t *rapid.T, i int) {
	m.asked++
	z, step := zones[m.asked%len(zones)],
		[]meter.Step{meter.ByDay, meter.ByHour, meter.ByMinute}[m.asked/len(zones)%3]
	tenant, _ := m.rig.Tenants.Get(z.name)
	period := tenant.Period(m.rig.Now())
	from, to := period.Start, period.End
	if step == meter.ByMinute { // what a period has is too much for one series
		from, to = m.rig.Now().Add(-27*time.Hour), m.rig.Now().Add(5*time.Minute)
	}
	cut, ok := meter.Cut(from, to, step, tenant.Zone, 3000)
	if !ok {
		t.Fatalf("%s by %s: too many intervals", z.name, step)
	}
	q := usage.SeriesQuery{Tenant: tenant, Intervals: cut, Split: m.asked%5 > 0}
	if m.asked%4 == 0 {
		chat := "chat"
		q.Feature = &chat
	}
	got, err := m.readers[i].Series(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if got.Stale {
		t.Fatalf("%s by %s is stale right after it was read", z.name, step)
	}
	want, features := make([]meter.Amounts, cut.Len()), map[string]int64{}
	for _, e := range m.events {
		if e.tenant != z.name || q.Feature != nil && e.feature != *q.Feature ||
			e.at.Before(cut.Starts[0]) || !e.at.Before(cut.Starts[cut.Len()]) {
			continue
		}
		at := 0
		for !e.at.Before(cut.Starts[at+1]) {
			at++
		}
		want[at] = want[at].Add(meter.OneEvent(e.tokens))
		features[e.feature] += e.tokens
	}
	for p := range want {
		if got.Points[p] != want[p] {
			t.Fatalf("reader %d, %s by %s, interval from %v: %+v, acknowledged %+v",
				i, z.name, step, cut.Starts[p], got.Points[p], want[p])
		}
	}
	if !q.Split {
		return
	}
	split := map[string]int64{}
	for _, f := range got.Features {
		for _, tokens := range f.Tokens {
			split[f.Feature] += tokens
		}
	}
	if !maps.Equal(split, features) {
		t.Fatalf("reader %d, %s by %s: features are %v, acknowledged %v",
			i, z.name, step, split, features)
	}
}

// compareOverview asks a reader for all tenants at once. Totals are those of the model;
// minutes too, but for late events that wait for Postgres.
func (m *machine) compareOverview(t *rapid.T, i int) {
	o, err := m.readers[i].Overview(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	first := o.AsOf.Unix()/60 - usage.RecentMinutes + 1
	waiting := m.lateWaits(t)
	for _, r := range o.Tenants {
		var total int64
		for _, f := range m.features(r.Tenant) {
			total += f.Used[meter.Tokens]
		}
		if r.Used[meter.Tokens] != total {
			t.Fatalf("reader %d, %s: the overview says %d, acknowledged %d",
				i, r.Tenant.Name, r.Used[meter.Tokens], total)
		}
		want := make([]int64, usage.RecentMinutes)
		for _, e := range m.events {
			minute := e.at.Unix()/60 - first
			if e.tenant == r.Tenant.Name && minute >= 0 && minute < usage.RecentMinutes {
				want[minute] += e.tokens
			}
		}
		got := r.AppendMinutes(nil)
		for minute := range want {
			if got[minute] > want[minute] || !waiting && got[minute] != want[minute] {
				t.Fatalf("reader %d, %s, minute %d: the overview says %v, acknowledged %v",
					i, r.Tenant.Name, minute, got, want)
			}
		}
	}
}

// lateWaits reports whether Valkey holds late events, which a view may not know yet.
func (m *machine) lateWaits(t *rapid.T) bool {
	ctx, valkey := context.Background(), m.rig.Valkey
	if n, err := valkey.Exists(ctx, "fm:{0}:late").Result(); err != nil || n > 0 {
		return true
	}
	for _, zset := range []string{"fm:{0}:sealed:sum", "fm:{0}:settled"} {
		ids, err := valkey.ZRange(ctx, zset, 0, -1).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			has, err := valkey.HExists(ctx, fmt.Sprintf("fm:{0}:sum:%s", id), "m").Result()
			if err != nil || !has {
				return true
			}
		}
	}
	return false
}
