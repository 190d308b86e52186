package flusher

import (
	"context"
	"time"

	"pgregory.net/rapid"
)

// Wait lets time pass: within a minute, past the grace, or for days.
func (m *machine) Wait(t *rapid.T) {
	m.rig.Advance(rapid.SampledFrom([]time.Duration{time.Second, 7 * time.Second, 29 * time.Second,
		31 * time.Second,
		61 * time.Second, 4 * time.Minute, 3 * time.Hour, 3 * 24 * time.Hour}).Draw(t, "time"))
}

// MonthEnd moves to just before or just after the end of a tenant's period.
func (m *machine) MonthEnd(t *rapid.T) {
	tenant, _ := m.rig.Tenants.Get(zones[rapid.IntRange(0, len(zones)-1).Draw(t, "tenant")].name)
	end := tenant.Period(m.rig.Now()).End
	m.rig.Set(
		end.Add(rapid.SampledFrom([]time.Duration{-time.Second, 0, time.Second}).Draw(t, "side")))
}

// Reconfigure moves a tenant's billing day, as an operator does by SQL.
func (m *machine) Reconfigure(t *rapid.T) {
	z := zones[rapid.IntRange(0, len(zones)-1).Draw(t, "tenant")]
	day := rapid.IntRange(1, 31).Draw(t, "billing day")
	if _, err := m.rig.DB.Exec("UPDATE tenants SET billing_day = $2 WHERE name = $1",
		z.name, day); err != nil {
		t.Fatal(err)
	}
	if err := m.rig.Tenants.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
}
