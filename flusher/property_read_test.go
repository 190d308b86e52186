package flusher

import (
	"context"
	"maps"

	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
)

// Renew reads a reader's view again.
func (m *machine) Renew(t *rapid.T) {
	m.renew(t, rapid.IntRange(0, len(m.readers)-1).Draw(t, "reader"))
}

// RenewAmid lets a flusher run between the two halves of a renewal.
func (m *machine) RenewAmid(t *rapid.T) {
	f := m.idle(t)
	i := rapid.IntRange(0, len(m.readers)-1).Draw(t, "reader")
	m.readers[i].do = func() {
		if _, err := f.RunOnce(context.Background()); err != nil {
			t.Fatalf("flush amid a renewal: %v", err)
		}
	}
	m.renew(t, i)
}

func (m *machine) renew(t *rapid.T, i int) {
	if err := m.readers[i].Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	m.fresh[i] = m.rig.Now()
}

// Check compares every reader with the model.
func (m *machine) Check(t *rapid.T) {
	for i := range m.readers {
		if !m.agrees(t, i) {
			m.renew(t, i)
			if !m.agrees(t, i) {
				t.Fatalf("reader %d is stale right after its view was renewed", i)
			}
		}
	}
}

// agrees reports whether a reader answers, and fails if it answers wrongly. A reader
// may say that it is stale only if its view is older than the grace.
func (m *machine) agrees(t *rapid.T, i int) bool {
	all, err := m.readers[i].All(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(zones) {
		t.Fatalf("reader %d knows %d tenants, want %d", i, len(all), len(zones))
	}
	for _, total := range all {
		one, err := m.readers[i].Tenant(context.Background(), total.Tenant.Name)
		if err != nil {
			t.Fatal(err)
		}
		if total.Stale || one.Stale {
			if age := m.rig.Now().Sub(m.fresh[i]); age < usage.Grace {
				t.Fatalf("reader %d says stale with a view of %v", i, age)
			}
			return false
		}
		want := m.features(total.Tenant)
		got := map[string]meter.FeatureUsage{}
		var sum int64
		for _, f := range one.Features {
			got[f.Feature] = f
			sum += f.Used[meter.Tokens]
		}
		if !maps.Equal(got, want) {
			t.Fatalf("reader %d, %s: features are %v, acknowledged %v", i, total.Tenant.Name, got, want)
		}
		if one.Used[meter.Tokens] != sum || total.Used[meter.Tokens] != sum {
			t.Fatalf("reader %d, %s: one says %d, all says %d, features add up to %d",
				i, total.Tenant.Name, one.Used[meter.Tokens], total.Used[meter.Tokens], sum)
		}
	}
	m.compareSeries(t, i)
	m.compareOverview(t, i)
	return true
}

// features is the model's usage of a tenant in its current period.
func (m *machine) features(tenant meter.Tenant) map[string]meter.FeatureUsage {
	period := tenant.Period(m.rig.Now())
	sums := map[string]meter.FeatureUsage{}
	for _, e := range m.events {
		if e.tenant == tenant.Name && period.Contains(tenant.Day(e.at)) {
			used := sums[e.feature].Used.Add(meter.OneEvent(e.tokens))
			sums[e.feature] = meter.FeatureUsage{Feature: e.feature, Used: used}
		}
	}
	return sums
}
