package tenants

import (
	"encoding/json"
	"fmt"
	"time"

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
}

func encode(all []meter.Tenant) ([]byte, error) {
	rows := make([]copied, len(all))
	for i, t := range all {
		rows[i] = copied{t.Name, t.Quota, t.BillingDay, t.Zone.String(), t.Thresholds, t.Archived}
	}
	data, err := json.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("encode copy of tenants: %w", err)
	}
	return data, nil
}

func decode(data []byte) ([]meter.Tenant, error) {
	var rows []copied
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, fmt.Errorf("decode copy of tenants: %w", err)
	}
	all := make([]meter.Tenant, len(rows))
	for i, r := range rows {
		zone, err := time.LoadLocation(r.Timezone)
		if err != nil {
			return nil, fmt.Errorf("decode copy of tenants: tenant %q: %w", r.Name, err)
		}
		all[i] = meter.Tenant{Name: r.Name, Quota: r.Quota, BillingDay: r.BillingDay, Zone: zone, Thresholds: r.Thresholds, Archived: r.Archived}
	}
	return all, nil
}
