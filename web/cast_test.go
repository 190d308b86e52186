package web

import (
	"fmt"
	"time"
)

// cast are the tenants that the tests and the screenshots show: one of each kind.
func cast() []*account {
	models := []share{{"gpt-4-turbo", 0.46}, {"claude-sonnet", 0.27}, {"gpt-4o-mini", 0.18}, {"whisper-large", 0.09}}
	two := []share{{"claude-opus", 0.64}, {"mistral-large", 0.36}}
	acme := &account{name: "acme-corp", quota: 1_000_000, used: 868_412, thresholds: []int{50, 80, 100}, zone: "UTC", features: models, busy: 1}
	acme.alerts = alertsOf(acme)
	return []*account{
		acme,
		{name: "northwind-assist", quota: 250_000_000, used: 287_904_112, thresholds: []int{80, 100, 120}, zone: "America/Los_Angeles", features: models, busy: 1.4},
		{name: "kontor-legal", quota: 1_200_000_000, used: 958_331_007, thresholds: []int{80}, zone: "Europe/Berlin", features: two, busy: 0.9},
		{name: "brightside-health", quota: 1_500_000_000, used: 1_018_220_450, thresholds: []int{80, 100}, zone: "America/New_York", features: models, busy: 1.1},
		{name: "lumen-studio", quota: 40_000_000, used: 34_914_380, thresholds: []int{75, 90}, zone: "Europe/Paris", features: two, busy: 0.6},
		{name: "sakura-learning", quota: 600_000_000, used: 288_140_911, thresholds: []int{80}, zone: "Asia/Tokyo", features: models, busy: 0.3},
		{name: "orbital-freight", quota: 90_000_000, used: 31_207_764, thresholds: []int{80}, zone: "UTC", features: two, busy: 0.8},
		{name: "paperplane-mail", quota: 15_000_000, used: 3_020_118, thresholds: []int{80}, zone: "Europe/London", features: models, busy: 0.2},
		{name: "fieldnote", quota: 5_000_000, used: 702_440, thresholds: []int{80}, zone: "America/Sao_Paulo", features: two, busy: 0.5},
		{name: "internal-research", used: 64_508_221, thresholds: []int{80}, zone: "UTC", features: models, busy: 1},
		{name: "greenhouse-labs", quota: 2_000_000, thresholds: []int{80}, zone: "Australia/Sydney", features: two},
		{name: "closed-gmbh", quota: 1_000_000, used: 420_000, thresholds: []int{80}, zone: "Europe/Berlin", archived: true, features: two},
	}
}

func alertsOf(a *account) []map[string]any {
	now := time.Now().UTC().Truncate(time.Second)
	start, end := a.period(now)
	alert := func(id string, threshold int, fired time.Time, state string, cleared any, deliveries ...map[string]any) map[string]any {
		return map[string]any{"id": id, "tenant": a.name, "threshold": threshold, "used": a.quota * int64(threshold) / 100, "quota": a.quota, "percent": float64(threshold),
			"periodStart": start.Format(time.DateOnly), "periodEnd": end.Format(time.DateOnly), "state": state, "firedAt": fired, "clearedAt": cleared, "deliveries": deliveries}
	}
	delivery := func(id, target, event, status string, at time.Time, last any, tries ...map[string]any) map[string]any {
		d := map[string]any{"id": id, "kind": "slack", "event": event, "target": target, "status": status, "attempts": len(tries),
			"nextAttemptAt": nil, "deliveredAt": nil, "lastError": last, "tries": tries}
		switch status {
		case "delivered":
			d["deliveredAt"] = at
		case "pending":
			d["nextAttemptAt"] = at
		}
		return d
	}
	try := func(at time.Time, status int, problem any) map[string]any {
		return map[string]any{"at": at, "status": status, "error": problem, "durationMs": 112}
	}
	first, second := now.Add(-26*time.Hour), now.Add(-150*time.Hour)
	return []map[string]any{
		alert("2", 80, first, "open", nil,
			delivery("21", "slack default", "quota.threshold_crossed", "delivered", first.Add(2*time.Second), nil, try(first.Add(2*time.Second), 200, nil)),
			delivery("22", "webhook billing", "quota.threshold_crossed", "dead", first, "it answered 410 Gone",
				try(first.Add(2*time.Second), 503, "it answered 503 Service Unavailable"), try(first.Add(62*time.Second), 410, "it answered 410 Gone"))),
		alert("1", 50, second, "cleared", second.Add(3*time.Hour),
			delivery("11", "slack default", "quota.threshold_crossed", "delivered", second.Add(time.Second), nil, try(second.Add(time.Second), 200, nil)),
			delivery("12", "slack default", "quota.rearmed", "pending", now.Add(2*time.Minute), "it answered 503 Service Unavailable", try(now.Add(-time.Minute), 503, "it answered 503 Service Unavailable"))),
	}
}

// crowd are n tenants.
func crowd(n int) []*account {
	tenants := make([]*account, n)
	for i := range tenants {
		tenants[i] = &account{name: fmt.Sprintf("tenant-%05d", i), quota: 10_000_000, used: int64(n-i) * 9_000_000 / int64(n),
			thresholds: []int{80}, zone: "UTC", busy: 1, features: []share{{"gpt-4o", 1}}}
	}
	return tenants
}
