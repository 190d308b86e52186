package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// initech is a tenant that differs from every default.
func initech(t *testing.T) meter.Tenant {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return meter.Tenant{Name: "initech", Quota: 5, BillingDay: 31, Zone: berlin,
		Thresholds: []int{50, 100},
		Rate:       meter.Rate{PerSecond: 5, Burst: 70}, OwnRate: true, Enforce: meter.EnforceStrict}
}

func TestTenantsReturnsWhatWasAdded(t *testing.T) {
	env := stacktest.New(t)
	plain := meter.Tenant{Name: "acme-corp", BillingDay: 1, Zone: time.UTC, Thresholds: []int{}}
	for _, want := range []meter.Tenant{initech(t), plain} {
		if added, err := store.AddTenant(t.Context(), env.DB, want); err != nil || !added {
			t.Fatalf("add %s = %v, %v", want.Name, added, err)
		}
		again := want
		again.Quota = 99
		if added, err := store.AddTenant(t.Context(), env.DB, again); err != nil || added {
			t.Fatalf("add %s again = %v, %v", want.Name, added, err)
		}
	}
	got, bad, err := store.Tenants(t.Context(), env.DB)
	if err != nil || bad != nil || !slices.EqualFunc(got, []meter.Tenant{plain, initech(t)}, equal) {
		t.Errorf("got %+v, %v, %v", got, bad, err)
	}
}

func equal(a, b meter.Tenant) bool {
	return a.Name == b.Name && a.Quota == b.Quota && a.BillingDay == b.BillingDay &&
		a.Archived == b.Archived &&
		a.Zone.String() == b.Zone.String() && slices.Equal(a.Thresholds, b.Thresholds) &&
		a.Rate == b.Rate && a.OwnRate == b.OwnRate && a.Enforce == b.Enforce
}

func TestChangeTenantChangesOnlyWhatIsGiven(t *testing.T) {
	env := stacktest.New(t)
	quota, none, day, yes, no := int64(7), int64(0), 15, true, false
	soft, off := meter.EnforceSoft, meter.EnforceOff
	tests := []struct {
		name   string
		change store.TenantChange
		want   func(*meter.Tenant)
	}{
		{"nothing", store.TenantChange{}, func(*meter.Tenant) {}},
		{"quota", store.TenantChange{Quota: &quota}, func(t *meter.Tenant) { t.Quota = 7 }},
		{"no quota", store.TenantChange{Quota: &none}, func(t *meter.Tenant) { t.Quota = 0 }},
		{"billing day", store.TenantChange{BillingDay: &day}, func(t *meter.Tenant) {
			t.BillingDay = 15
		}},
		{"zone", store.TenantChange{Zone: time.UTC}, func(t *meter.Tenant) { t.Zone = time.UTC }},
		{"thresholds", store.TenantChange{Thresholds: []int{90}}, func(t *meter.Tenant) {
			t.Thresholds = []int{90}
		}},
		{"no thresholds", store.TenantChange{Thresholds: []int{}}, func(t *meter.Tenant) {
			t.Thresholds = nil
		}},
		{"rate", store.TenantChange{
			Rate: &store.RateChange{Rate: meter.Rate{PerSecond: 8, Burst: 8}, Own: true}},
			func(t *meter.Tenant) { t.Rate = meter.Rate{PerSecond: 8, Burst: 8} }},
		{"no rate", store.TenantChange{Rate: &store.RateChange{Own: true}}, func(t *meter.Tenant) {
			t.Rate = meter.Rate{}
		}},
		{"default rate", store.TenantChange{Rate: &store.RateChange{}}, func(t *meter.Tenant) {
			t.Rate, t.OwnRate = meter.Rate{}, false
		}},
		{"soft", store.TenantChange{Enforce: &soft}, func(t *meter.Tenant) { t.Enforce = soft }},
		{"not enforced", store.TenantChange{Enforce: &off}, func(t *meter.Tenant) { t.Enforce = off }},
		{"archived", store.TenantChange{Archived: &yes}, func(t *meter.Tenant) { t.Archived = true }},
		{"not archived", store.TenantChange{Archived: &no}, func(*meter.Tenant) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tx, err := env.DB.Beginx()
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			if _, err := store.AddTenant(t.Context(), tx, initech(t)); err != nil {
				t.Fatal(err)
			}
			if err := store.ChangeTenant(t.Context(), tx, "initech", tt.change); err != nil {
				t.Fatal(err)
			}
			want := initech(t)
			tt.want(&want)
			if got, _, err := store.Tenants(t.Context(), tx); err != nil || len(got) != 1 ||
				!equal(got[0], want) {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestArchivingAgainKeepsTheFirstTime(t *testing.T) {
	env := stacktest.New(t)
	if _, err := store.AddTenant(t.Context(), env.DB, initech(t)); err != nil {
		t.Fatal(err)
	}
	var archived [2]time.Time
	for i := range archived {
		yes := true
		if err := store.ChangeTenant(t.Context(), env.DB, "initech",
			store.TenantChange{Archived: &yes}); err != nil {
			t.Fatal(err)
		}
		err := env.DB.GetContext(t.Context(), &archived[i], "SELECT archived_at FROM tenants")
		if err != nil {
			t.Fatal(err)
		}
	}
	if archived[0] != archived[1] {
		t.Errorf("archived at %s, then at %s", archived[0], archived[1])
	}
}

func TestTenantErrors(t *testing.T) {
	env := stacktest.New(t)
	nowhere := initech(t)
	nowhere.Zone = time.FixedZone("Nowhere/Land", 3600)
	if _, err := store.AddTenant(t.Context(), env.DB, nowhere); !errors.Is(err, store.ErrUnknownZone) {
		t.Errorf("add with an unknown zone: %v", err)
	}
	if err := store.ChangeTenant(t.Context(), env.DB, "initech", store.TenantChange{}); !errors.Is(err,
		store.ErrNoTenant) {
		t.Errorf("change without a tenant: %v", err)
	}
	if _, err := store.AddTenant(t.Context(), env.DB, initech(t)); err != nil {
		t.Fatal(err)
	}
	err := store.ChangeTenant(t.Context(), env.DB, "initech", store.TenantChange{Zone: nowhere.Zone})
	if !errors.Is(err, store.ErrUnknownZone) {
		t.Errorf("change to an unknown zone: %v", err)
	}
}
