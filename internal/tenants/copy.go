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

// copies are what Valkey holds of the rows.
type copies struct{ tenants, names []byte }

func encode(r rows) (c copies, err error) {
	features := map[string][]string{}
	for _, k := range r.kept {
		features[k.Tenant] = append(features[k.Tenant], k.Feature)
	}
	tenants, named := make([]copied, len(r.tenants)), []copiedNames{}
	for i, t := range r.tenants {
		tenants[i] = copied{Name: t.Name, Quota: t.Quota, BillingDay: t.BillingDay,
			Timezone:   t.Zone.String(),
			Thresholds: t.Thresholds, Archived: t.Archived}
		if t.OwnRate {
			tenants[i].Rate = &t.Rate
		}
		if t.Enforce != meter.EnforceOff {
			tenants[i].Enforce = t.Enforce.String()
		}
		if len(t.Aliases) > 0 || len(features[t.Name]) > 0 {
			named = append(named, copiedNames{t.Name, t.DisplayName, t.Aliases, features[t.Name]})
		}
	}
	if c.tenants, err = json.Marshal(tenants); err == nil {
		c.names, err = json.Marshal(named)
	}
	if err != nil {
		return copies{}, fmt.Errorf("encode copy of tenants: %w", err)
	}
	return c, nil
}

// decode reads both copies, in whatever version they were written. The names may be nil: the
// version before has written tenants alone. What of a tenant cannot be read is replaced as
// store.Tenants does, and named in odd.
func decode(from copies) (r rows, odd []store.OddRow, err error) {
	var tenants []jsontext.Value // each is read strictly below, so that an odd one is left out alone
	err = strict.Unmarshal(from.tenants, &tenants, jsontext.AllowDuplicateNames(true))
	if err != nil {
		return rows{}, nil, fmt.Errorf("decode copy of tenants: %w", err)
	}
	var named []copiedNames
	if from.names != nil {
		if err := strict.Unmarshal(from.names, &named); err != nil {
			return rows{}, nil, fmt.Errorf("decode copy of tenants: names: %w", err)
		}
	}
	byKey := make(map[string]copiedNames, len(named))
	for _, n := range named {
		byKey[n.Tenant] = n
		for _, feature := range n.Features {
			r.kept = append(r.kept, store.KeptFeature{Tenant: n.Tenant, Feature: feature})
		}
	}
	r.tenants = make([]meter.Tenant, 0, len(tenants))
	for _, row := range tenants {
		var c copied
		found := func(reason, instead string) {
			odd = append(odd,
				store.OddRow{Table: "copy of tenants", Row: c.Name, Reason: reason, Instead: instead})
		}
		if err := strict.Unmarshal(row, &c); err != nil {
			found(err.Error(), "the row is skipped")
			continue
		}
		t := c.tenant(found)
		t.DisplayName, t.Aliases = byKey[c.Name].DisplayName, byKey[c.Name].Aliases
		r.tenants = append(r.tenants, t)
	}
	return r, odd, nil
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
