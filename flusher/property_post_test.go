package flusher

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Post sends one event or a small batch, now or backdated, some ahead of time, and some batches
// under a key.
func (m *machine) Post(t *rapid.T) {
	n := rapid.IntRange(1, 4).Draw(t, "events")
	now := m.rig.Now()
	body := "["
	var batch []counted
	for i := range n {
		z := zones[rapid.IntRange(0, len(zones)-1).Draw(t, "tenant")]
		e := counted{tenant: z.name,
			feature: rapid.SampledFrom([]string{"chat", "code", `back\slash`}).Draw(t, "feature"),
			tokens: rapid.OneOf(rapid.Just(int64(0)),
				rapid.Int64Range(1, meter.MaxTokens)).Draw(t, "tokens"), at: now}
		ago := rapid.SampledFrom([]time.Duration{0, 0, time.Second, time.Minute, 90 * time.Second,
			5 * time.Minute,
			time.Hour, 26 * time.Hour, 20 * 24 * time.Hour, 34 * 24 * time.Hour, -4 * time.Minute}).Draw(t,
			"ago")
		if i > 0 {
			body += ","
		}
		timestamp := ""
		if ago != 0 {
			e.at = now.Add(-ago)
			timestamp = fmt.Sprintf(`,"timestamp":%q`, e.at.Format(time.RFC3339Nano))
		}
		m.posted++
		id := ""
		if rapid.Bool().Draw(t, "with id") {
			id = fmt.Sprintf(`,"id":"e%d"`, m.posted)
		}
		body += fmt.Sprintf(`{"tenant":%q,"feature":%q,"tokens":%d%s%s}`,
			e.tenant, e.feature, e.tokens, timestamp, id)
		batch = append(batch, e)
	}
	key := ""
	if n > 1 && rapid.Bool().Draw(t, "under a key") {
		key = fmt.Sprintf("k%d", m.posted)
	}
	status, answer := m.rig.postUnder(key, body+"]")
	if tenant := m.over(batch); tenant != "" {
		if status != http.StatusPaymentRequired || !strings.Contains(answer, "/problems/quota-exceeded") {
			t.Fatalf("POST /events: %d %s; the quota of %s is used up", status, answer, tenant)
		}
		return
	}
	if status != http.StatusOK {
		t.Fatalf("POST /events: %d %s", status, answer)
	}
	m.events = append(m.events, batch...)
	if key != "" {
		m.keyed = append(m.keyed, &keyedBatch{key: key, body: body + "]", events: batch, at: now})
	}
}

// Enforce gives a tenant a quota that it soon crosses, or has used up, or none.
func (m *machine) Enforce(t *rapid.T) {
	// Rewind probes the first
	tenant, _ := m.rig.Tenants.Get(zones[rapid.IntRange(1, len(zones)-1).Draw(t, "tenant")].name)
	var used int64
	for _, f := range m.features(tenant) {
		used += f.Used[meter.Tokens]
	}
	quota := max(1, used+rapid.Int64Range(-meter.MaxTokens/10, 4*meter.MaxTokens).Draw(t, "left"))
	mode := rapid.SampledFrom([]string{"off", "soft", "soft", "strict", "strict"}).Draw(t, "mode")
	if _, err := m.rig.DB.Exec("UPDATE tenants SET monthly_quota = $2, enforce = $3 WHERE name = $1",
		tenant.Name, quota, mode); err != nil {
		t.Fatal(err)
	}
	if err := m.rig.Tenants.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// over is a tenant whose quota refuses the batch, "" if there is none.
func (m *machine) over(batch []counted) string {
	for _, z := range zones {
		tenant, _ := m.rig.Tenants.Get(z.name)
		period := tenant.Period(m.rig.Now())
		var used, tokens, last int64
		for _, f := range m.features(tenant) {
			used += f.Used[meter.Tokens]
		}
		for _, e := range batch {
			if e.tenant == z.name && period.Contains(tenant.Day(e.at)) {
				tokens += e.tokens
				if e.tokens > 0 {
					last = e.tokens
				}
			}
		}
		switch {
		case tokens == 0:
		case tenant.Enforce == meter.EnforceSoft && used+tokens-last >= tenant.Quota:
			return z.name
		case tenant.Enforce == meter.EnforceStrict && used+tokens > tenant.Quota:
			return z.name
		}
	}
	return ""
}
