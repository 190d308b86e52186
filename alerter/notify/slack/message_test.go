package slack

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/slacktest"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const knownAlert = "018f0c4e-0000-7000-8000-000000000001"

func feature(name string, tokens int64) notify.Feature {
	return notify.Feature{Name: name, Tokens: tokens}
}

func crossed() notify.Event {
	perDay, projected := int64(43_229), int64(1_296_870)
	exhausted := time.Date(2026, 11, 24, 3, 30, 0, 0, time.UTC)
	return notify.Event{
		Type: notify.Crossed, Alert: uuid.MustParse(knownAlert), Tenant: "acme-corp",
		PeriodStart: meter.DayOf(2026, 11, 1), PeriodEnd: meter.DayOf(2026, 12, 1), Threshold: 80,
		Facts: notify.Facts{At: noon, Used: 821_355, Quota: 1_000_000, Thresholds: []int{50, 80},
			PerDay: &perDay, Projected: &projected,
			ExhaustedAt: &exhausted,
			Features: []notify.Feature{feature("gpt-4-turbo", 500_000), feature("embeddings", 300_000),
				feature("<b>&", 21_355)}},
	}
}

// said is every text of the message with the type of its text object, in order.
func said(
	t testing.TB, e notify.Event, publicURL string,
) (text string, objects []string, link string) {
	t.Helper()
	e.Dashboard = notify.DashboardLink(publicURL, e.Tenant)
	body, err := Notifier{}.Body(e)
	if err != nil {
		t.Fatal(err)
	}
	m, err := slacktest.Check(body)
	if err != nil {
		t.Fatalf("Slack would refuse it: %v\n%s", err, body)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, part := range v {
				walk(part)
			}
		case map[string]any:
			if s, ok := v["text"].(string); ok {
				objects = append(objects, fmt.Sprint(v["type"], ": ", s))
			}
			if s, ok := v["url"].(string); ok {
				link = s
			}
			for _, key := range []string{"text", "fields", "elements"} {
				walk(v[key])
			}
		}
	}
	for _, raw := range m.Blocks {
		var block any
		if err := json.Unmarshal(raw, &block); err != nil {
			t.Fatal(err)
		}
		walk(block)
	}
	return m.Text, objects, link
}

func TestSlackMessage(t *testing.T) {
	text, objects, link := said(t, crossed(), "https://meter.example.com/")
	if want := "acme-corp has used 82.13% of its quota: 821,355 / 1,000,000 tokens. Threshold 80%," +
		" billing period 2026-11-01 to 2026-11-30, alert " + knownAlert; text != want {
		t.Errorf("text is %q", text)
	}
	want := []string{
		"plain_text: ⚠️ acme-corp has used 82.13% of its quota",
		"mrkdwn: *Used*\n821,355 / 1,000,000 tokens",
		"mrkdwn: *Threshold*\n80% (2 at once: 50%, 80%)",
		"mrkdwn: *Billing period*\n2026-11-01 to 2026-11-30",
		"mrkdwn: *Pace*\n43,229 tokens a day",
		"mrkdwn: *Outlook*\n1,296,870 tokens at the end of the period (129.68%)",
		"mrkdwn: *Quota exhausted*\n2026-11-24 03:30 UTC",
		"plain_text: Top features\ngpt-4-turbo: 500,000 tokens (60.87%)\nembeddings: 300,000 tokens" +
			" (36.52%)\n<b>&: 21,355 tokens (2.59%)",
		"plain_text: Open the dashboard",
		"plain_text: alert " + knownAlert,
	}
	if got := strings.Join(objects, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if link != "https://meter.example.com/usage?tenant=acme-corp" {
		t.Errorf("the button leads to %q", link)
	}
}

func TestSlackMessageVariants(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*notify.Event)
		want   string
	}{
		{"above the quota", func(e *notify.Event) {
			e.Used = 1_500_000
		}, "🚨 acme-corp has used 150% of its quota"},
		{"nothing left", func(e *notify.Event) {
			e.Used = 1_000_000
		}, "*Quota exhausted*\nnow: nothing is left"},
		{"one threshold", func(e *notify.Event) { e.Thresholds = []int{80} }, "*Threshold*\n80%\n"},
		{"lasts", func(e *notify.Event) { e.ExhaustedAt = nil }, "*Quota exhausted*\nnot in this period"},
		{"first hour", func(e *notify.Event) {
			e.PerDay, e.Projected, e.ExhaustedAt = nil, nil, nil
		}, "*Pace*\nnot known yet"},
		{"test", func(e *notify.Event) { e.Type = notify.Test }, "[TEST] ⚠️ acme-corp has used"},
		{"largest figures", func(e *notify.Event) {
			e.Used, e.Quota = math.MaxInt64, 1
		}, "9,223,372,036,854,775,807 / 1 tokens"},
	} {
		e := crossed()
		c.change(&e)
		_, objects, link := said(t, e, "")
		if got := strings.Join(objects, "\n") + "\n"; !strings.Contains(got, c.want) || link != "" {
			t.Errorf("%s: %q is not in\n%s", c.name, c.want, got)
		}
	}
}

// Whatever a tenant and its features are called, Slack takes the message, reads no markup in
// a name, and shows the alert's id.
func TestSlackTakesEveryName(t *testing.T) {
	for _, name := range []string{
		"<!channel>", "<https://evil.example|click>", "<@U1>", "*bold* _it_ ~s~ `c`", ":smile:",
		strings.Repeat("&", 128), strings.Repeat("🚨", 128),
		strings.Repeat("<", 128), strings.Repeat("ä", 128), `"\` + "\u2028", "\ufeff",
		strings.Repeat("%", 128),
	} {
		checkNames(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		checkNames(t, rapid.StringN(1, 128, -1).Filter(func(s string) bool {
			return meter.CheckName(s) == ""
		}).Draw(t, "name"))
	})
}

func checkNames(t interface {
	Fatalf(string, ...any)
	Errorf(string, ...any)
}, name string) {
	e := crossed()
	e.Tenant, e.Features = name, []notify.Feature{feature(name, 3), feature(name, 2), feature(name, 1)}
	for threshold := range 1000 { // as many as a tenant can have
		e.Thresholds = append(e.Thresholds, threshold+1)
	}
	e.Dashboard = notify.DashboardLink("https://meter.example.com", name)
	body, err := Notifier{}.Body(e)
	if err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	m, err := slacktest.Check(body)
	if err != nil {
		t.Fatalf("%q: Slack would refuse it: %v", name, err)
	}
	if strings.ContainsAny(m.Text, "<>") || !strings.Contains(m.Text, "alert "+knownAlert) {
		t.Errorf("%q: text %q", name, m.Text)
	}
	var blocks []struct {
		Fields []struct{ Type, Text string }
	}
	whole, err := json.Marshal(m.Blocks)
	if err != nil || json.Unmarshal(whole, &blocks) != nil {
		t.Fatalf("%q: %v", name, err)
	}
	for _, b := range blocks {
		for _, f := range b.Fields {
			if f.Type == "mrkdwn" && strings.ContainsAny(f.Text, "<>&|`~@") {
				t.Errorf("%q: a field holds markup: %q", name, f.Text)
			}
		}
	}
}
