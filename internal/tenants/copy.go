package tenants

import (
	"encoding/json"
	"fmt"
	"time"

	strict "github.com/go-json-experiment/json"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// copied is a tenant in the copy that Valkey holds.
type copied struct {
	Name       string `json:"name"`
	Quota      int64  `json:"quota,omitempty"`
	BillingDay int    `json:"billingDay"`
	Timezone   string `json:"timezone"`
	Thresholds []int  `json:"thresholds"`
	Archived   bool   `json:"archived,omitempty"`
	// Limits: absent where the tenant has none of its own.
	Rate    *meter.Rate `json:"rate,omitempty"`
	Enforce string      `json:"enforce,omitempty"`
}

func encode(all []meter.Tenant) ([]byte, error) {
	rows := make([]copied, len(all))
	for i, t := range all {
		rows[i] = copied{Name: t.Name, Quota: t.Quota, BillingDay: t.BillingDay, Timezone: t.Zone.String(),
			Thresholds: t.Thresholds, Archived: t.Archived}
		if t.OwnRate {
			rows[i].Rate = &t.Rate
		}
		if t.Enforce != meter.EnforceOff {
			rows[i].Enforce = t.Enforce.String()
		}
	}
	data, err := json.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("encode copy of tenants: %w", err)
	}
	return data, nil
}

func decode(data []byte) ([]meter.Tenant, error) {
	var rows []copied
	if err := strict.Unmarshal(data, &rows); err != nil {
		return nil, fmt.Errorf("decode copy of tenants: %w", err)
	}
	all := make([]meter.Tenant, len(rows))
	for i, r := range rows {
		zone, err := time.LoadLocation(r.Timezone)
		if err != nil {
			return nil, fmt.Errorf("decode copy of tenants: tenant %q: %w", r.Name, err)
		}
		all[i] = meter.Tenant{Name: r.Name, Quota: r.Quota, BillingDay: r.BillingDay, Zone: zone, Thresholds: r.Thresholds, Archived: r.Archived}
		if r.Rate != nil {
			all[i].Rate, all[i].OwnRate = *r.Rate, true
		}
		if r.Enforce != "" {
			if all[i].Enforce, err = meter.ParseEnforcement(r.Enforce); err != nil {
				return nil, fmt.Errorf("decode copy of tenants: tenant %q: %w", r.Name, err)
			}
		}
	}
	return all, nil
}
