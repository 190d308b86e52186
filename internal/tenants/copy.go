package tenants

import (
	"encoding/json"
	"fmt"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// copied is a tenant in the copy that Valkey holds. The version before compares the copy byte
// for byte with its own and writes it anew if they differ, so what it does not know is in
// copiedNames: the two versions would take turns otherwise, and half of the time there would be
// no names.
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

// copiedNames are the names of a tenant that has more than its key, and its kept features.
type copiedNames struct {
	Tenant      string   `json:"tenant"` // its key
	DisplayName string   `json:"displayName,omitempty"`
	Aliases     []string `json:"aliases,omitempty"`
	Features    []string `json:"features,omitempty"`
}

func encode(all []meter.Tenant, kept []store.KeptFeature) (tenants, names []byte, err error) {
	features := map[string][]string{}
	for _, k := range kept {
		features[k.Tenant] = append(features[k.Tenant], k.Feature)
	}
	rows, named := make([]copied, len(all)), []copiedNames{}
	for i, t := range all {
		rows[i] = copied{Name: t.Name, Quota: t.Quota, BillingDay: t.BillingDay,
			Timezone:   t.Zone.String(),
			Thresholds: t.Thresholds, Archived: t.Archived}
		if t.OwnRate {
			rows[i].Rate = &t.Rate
		}
		if t.Enforce != meter.EnforceOff {
			rows[i].Enforce = t.Enforce.String()
		}
		if len(t.Aliases) > 0 || len(features[t.Name]) > 0 {
			named = append(named, copiedNames{t.Name, t.DisplayName, t.Aliases, features[t.Name]})
		}
	}
	if tenants, err = json.Marshal(rows); err == nil {
		names, err = json.Marshal(named)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("encode copy of tenants: %w", err)
	}
	return tenants, names, nil
}

// decode reads both copies, in whatever version they were written. names may be nil: the version
// before has written tenants alone. What of a tenant cannot be read is replaced as store.Tenants
// does, and named in odd.
func decode(
	tenants, names []byte,
) (all []meter.Tenant, kept []store.KeptFeature, odd []store.OddRow, err error) {
	var rows []jsontext.Value // each is read strictly below, so that an odd one is left out alone
	if err := strict.Unmarshal(tenants, &rows, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, nil, nil, fmt.Errorf("decode copy of tenants: %w", err)
	}
	var named []copiedNames
	if names != nil {
		if err := strict.Unmarshal(names, &named); err != nil {
			return nil, nil, nil, fmt.Errorf("decode copy of tenants: names: %w", err)
		}
	}
	byKey := make(map[string]copiedNames, len(named))
	for _, n := range named {
		byKey[n.Tenant] = n
		for _, feature := range n.Features {
			kept = append(kept, store.KeptFeature{Tenant: n.Tenant, Feature: feature})
		}
	}
	all = make([]meter.Tenant, 0, len(rows))
	for _, row := range rows {
		var r copied
		found := func(reason, instead string) {
			odd = append(odd,
				store.OddRow{Table: "copy of tenants", Row: r.Name, Reason: reason, Instead: instead})
		}
		if err := strict.Unmarshal(row, &r); err != nil {
			found(err.Error(), "the row is skipped")
			continue
		}
		t := r.tenant(found)
		t.DisplayName, t.Aliases = byKey[r.Name].DisplayName, byKey[r.Name].Aliases
		all = append(all, t)
	}
	return all, kept, odd, nil
}

// tenant passes to found what of r cannot be read, and what stands in its place.
func (r copied) tenant(found func(reason, instead string)) meter.Tenant {
	zone, err := time.LoadLocation(r.Timezone)
	if err != nil {
		found(fmt.Sprintf("timezone %q is not known here", r.Timezone), "UTC")
		zone = time.UTC
	}
	t := meter.Tenant{Name: r.Name, Quota: r.Quota, BillingDay: r.BillingDay, Zone: zone,
		Thresholds: r.Thresholds, Archived: r.Archived}
	if r.Rate != nil {
		t.Rate, t.OwnRate = *r.Rate, true
	}
	if r.Enforce != "" {
		if t.Enforce, err = meter.ParseEnforcement(r.Enforce); err != nil {
			found("enforce "+err.Error(), t.Enforce.String())
		}
	}
	return t
}
