package demo

import (
	"fmt"
	"time"
	_ "time/tzdata" // the zones below must exist on every machine

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// profile is how a tenant behaves.
type profile struct {
	tenant   meter.Tenant
	features []feature
	// history is the tokens to start the current period with.
	history int64
	// rate is live events a second, averaged over a weekday. Times the tokens of a call
	// it is about a month's quota a month, so that a demo left alone for days still
	// looks sane.
	rate float64
	// showcase marks the tenant that crosses its threshold while one watches: it keeps
	// no hours, and slows down behind the crossing.
	showcase bool
}

// feature is one model that a tenant's product calls.
type feature struct {
	name  string
	share float64 // of the tenant's calls; a tenant's shares add up to 1
	// median tokens of a call; the mean is 1.8 times as much, see callTokens.
	median float64
}

// Tenants are the tenants of the demo, with quota, billing day, zone and thresholds.
// acme-corp, which the demo also feeds, is not among them: every installation has it.
func Tenants() []meter.Tenant {
	var tenants []meter.Tenant
	for _, p := range profiles() {
		if !p.showcase {
			tenants = append(tenants, p.tenant)
		}
	}
	return tenants
}

func profiles() []profile {
	return []profile{
		{
			tenant:   tenant("acme-corp", 1_000_000, 1, "UTC", 80),
			features: []feature{{"gpt-4-turbo", 0.7, 550}, {"gpt-4o-mini", 0.3, 350}},
			history:  760_000, rate: 0.3, showcase: true,
		},
		{ // comfortable
			tenant: tenant("brightside-health", 1_500_000_000, 1, "America/New_York", 80, 100),
			features: []feature{{"claude-sonnet", 0.5, 500}, {"gpt-4o-mini", 0.3, 250},
				{"whisper-large", 0.2, 300}},
			history: 615_000_000, rate: 0.8,
		},
		{ // just below its threshold
			tenant:   tenant("kontor-legal", 1_200_000_000, 15, "Europe/Berlin", 80),
			features: []feature{{"claude-opus", 0.6, 1000}, {"mistral-large", 0.4, 600}},
			history:  945_000_000, rate: 0.3,
		},
		{ // over its quota
			tenant: tenant("papaya-commerce", 600_000_000, 31, "America/Sao_Paulo", 80, 100),
			features: []feature{{"gpt-4o-mini", 0.7, 200}, {"gpt-4-turbo", 0.2, 450},
				{"text-embedding-3-small", 0.1, 120}},
			history: 655_000_000, rate: 0.6,
		},
		{ // small
			tenant:   tenant("quill-studio", 20_000_000, 10, "Europe/London", 80),
			features: []feature{{"gpt-4o-mini", 0.8, 100}, {"claude-haiku", 0.2, 150}},
			history:  2_300_000, rate: 0.05,
		},
		{ // past the first of three thresholds
			tenant: tenant("harbor-logistics", 2_000_000_000, 20, "Asia/Singapore", 50, 80, 100),
			features: []feature{{"gpt-4-turbo", 0.5, 600}, {"llama-3-70b", 0.3, 400},
				{"text-embedding-3-small", 0.2, 150}},
			history: 1_260_000_000, rate: 1,
		},
		{ // without a quota
			tenant:   tenant("tanuki-games", 0, 1, "Asia/Tokyo", 80),
			features: []feature{{"llama-3-70b", 0.8, 250}, {"claude-haiku", 0.2, 400}},
			history:  480_000_000, rate: 1,
		},
	}
}

func tenant(name string, quota int64, billingDay int, zone string, thresholds ...int) meter.Tenant {
	z, err := time.LoadLocation(zone)
	if err != nil {
		panic(fmt.Sprintf("demo: %v", err)) // the zone is misspelt above
	}
	return meter.Tenant{Name: name, Quota: quota, BillingDay: billingDay, Zone: z,
		Thresholds: thresholds}
}
