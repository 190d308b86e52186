package tenants

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
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

// decode reads what encode wrote, in whatever version. What of a tenant cannot be read is
// replaced as store.Tenants does, and named in odd.
func decode(data []byte) (all []meter.Tenant, odd []store.OddRow, err error) {
	var rows []json.RawMessage
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, nil, fmt.Errorf("decode copy of tenants: %w", err)
	}
	all = make([]meter.Tenant, 0, len(rows))
	for _, row := range rows {
		var r copied
		found := func(reason, instead string) {
			odd = append(odd, store.OddRow{Table: "copy of tenants", Row: r.Name, Reason: reason, Instead: instead})
		}
		if err := json.Unmarshal(row, &r); err != nil {
			found(err.Error(), "the row is skipped")
			continue
		}
		zone, err := time.LoadLocation(r.Timezone)
		if err != nil {
			found(fmt.Sprintf("timezone %q is not known here", r.Timezone), "UTC")
			zone = time.UTC
		}
		t := meter.Tenant{Name: r.Name, Quota: r.Quota, BillingDay: r.BillingDay, Zone: zone, Thresholds: r.Thresholds, Archived: r.Archived}
		if r.Rate != nil {
			t.Rate, t.OwnRate = *r.Rate, true
		}
		if r.Enforce != "" {
			if t.Enforce, err = meter.ParseEnforcement(r.Enforce); err != nil {
				found("enforce "+err.Error(), t.Enforce.String())
			}
		}
		all = append(all, t)
	}
	return all, odd, nil
}
