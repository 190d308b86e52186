package outbox_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/eduardosanzb/flagmeter/alerter/alertertest"
	"github.com/eduardosanzb/flagmeter/alerter/notify"
	"github.com/eduardosanzb/flagmeter/alerter/notify/slack"
	"github.com/eduardosanzb/flagmeter/alerter/outbox"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

func verifies(t *testing.T, secret string, m alertertest.Received) bool {
	t.Helper()
	key, err := webhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return key.Verify(m.Body, m.Header) == nil
}

// atPresent lets the alerter's clock show the real time, by which the library judges.
func (w *world) atPresent() { w.SetClock(time.Now().UTC()) }

func TestASignedEventIsWhatTheSpecSays(t *testing.T) {
	w := newWorld(t)
	w.atPresent()
	w.AddTenant("acme", 900, 1000, 50, 80)
	w.Change("acme", func(u *meter.Usage) {
		u.Features = []meter.FeatureUsage{{Feature: "chat", Used: meter.Amounts{900, 3}}}
	})
	of, all := w.Endpoint(nil), w.Endpoint(nil)
	acme := "acme"
	secret, other := w.AddWebhook(of, &acme), w.AddWebhook(all, nil)
	r := w.run(w.alerter(func(o *outbox.Options) { o.PublicURL = "https://meter.example.com" }))
	if r.Delivered != 2 {
		t.Fatalf("got %+v", r)
	}
	m := of.Got()[0]
	if !verifies(t, secret, m) || !verifies(t, other, all.Got()[0]) {
		t.Error("a signature is not verified")
	}
	if verifies(t, other, m) || secret == other {
		t.Error("another webhook's secret verifies it")
	}
	forged := alertertest.Received{Header: m.Header, Body: append([]byte(" "), m.Body...)}
	if verifies(t, secret, forged) {
		t.Error("a changed body is verified")
	}
	var got map[string]any
	if err := json.Unmarshal(m.Body, &got); err != nil {
		t.Fatal(err)
	}
	data, _ := got["data"].(map[string]any)
	for name, want := range map[string]any{
		"tenant": "acme", "threshold": 80.0, "used": 900.0, "quota": 1000.0, "percent": 90.0,
		"dashboard": "https://meter.example.com/usage?tenant=acme",
	} {
		if data[name] != want {
			t.Errorf("%s is %v, want %v", name, data[name], want)
		}
	}
	if got["type"] != "quota.threshold_crossed" ||
		!strings.Contains(string(m.Body), `"thresholds":[50,80]`) ||
		!strings.Contains(string(m.Body), `"topFeatures":[{"feature":"chat","tokens":900}]`) {
		t.Errorf("got %s", m.Body)
	}
}

func TestBothSecretsSignDuringARotation(t *testing.T) {
	w := newWorld(t)
	w.atPresent()
	w.AddTenant("acme", 900, 1000, 80)
	e := w.Endpoint(nil)
	before := w.AddWebhook(e, nil)
	w.Exec("UPDATE webhooks SET previous_secret = secret, secret = DEFAULT")
	var after string
	if err := w.DB.Get(&after, "SELECT secret FROM webhooks"); err != nil {
		t.Fatal(err)
	}
	w.run(w.alerter())
	if m := e.Got()[0]; !verifies(t, before, m) || !verifies(t, after, m) || before == after {
		t.Errorf("signature %q is not verified by both secrets", m.Header.Get("webhook-signature"))
	}
}

// Slack ignores the headers; a receiver in its place can check them.
func TestMessagesToSlackCarryTheHeaders(t *testing.T) {
	w := newWorld(t)
	w.atPresent()
	w.AddTenant("acme", 900, 1000, 80)
	var header http.Header
	w.Slack.Answers(func(_ http.ResponseWriter, r *http.Request) { header = r.Header })
	w.AddSlack("acme", "/a")
	w.run(w.alerter())
	keys, err := slack.Notifier{}.Keys(notify.Target{URL: w.Slack.URL + "/a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := keys[0].Verify([]byte(w.Slack.Got()[0].Body), header); err != nil {
		t.Error(err)
	}
}

func TestRearmedIsToldToWebhooksAndNotToSlack(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 1000, 1000, 80, 100)
	w.AddSlack("acme", "/a")
	e := w.Endpoint(nil)
	w.AddWebhook(e, nil)
	a := w.alerter()
	w.run(a)
	w.Advance(time.Minute)
	w.Change("acme", func(u *meter.Usage) { u.Tenant.Quota = 10_000 })
	if r := w.run(a); r.Cleared != 2 || r.Delivered != 1 {
		t.Fatalf("got %+v", r)
	}
	w.Advance(time.Minute)
	w.Change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] = 9000 })
	w.run(a)
	w.Advance(11 * 24 * time.Hour) // December 1st
	w.Change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] = 0 })
	w.run(a)
	var told []string
	for _, m := range e.Got() {
		var event struct {
			Type string
			Data struct {
				Threshold  int
				Thresholds []int
				Reason     string
			}
		}
		if err := json.Unmarshal(m.Body, &event); err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(event.Data)
		told = append(told, event.Type+" "+string(b))
	}
	want := []string{
		`quota.threshold_crossed {"Threshold":100,"Thresholds":[80,100],"Reason":""}`,
		`quota.rearmed {"Threshold":80,"Thresholds":[80,100],"Reason":"re-armed"}`,
		`quota.threshold_crossed {"Threshold":80,"Thresholds":[80],"Reason":""}`,
		`quota.rearmed {"Threshold":80,"Thresholds":[80],"Reason":"period over"}`,
	}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	w.WantMessages("100%", "80%")
}

func TestAWebhookThatIsGoneIsDisabled(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddTenant("zeta", 100, 1000, 80)
	e := w.Endpoint(alertertest.Status(http.StatusGone))
	w.AddWebhook(e, nil)
	w.AddSlack("acme", "/a")
	w.Slack.Answers(alertertest.Status(http.StatusGone))
	a := w.alerter()
	if r := w.run(a); r.Dead != 2 {
		t.Fatalf("got %+v", r)
	}
	if w.Count("webhooks WHERE enabled")+w.Count("slack_webhooks WHERE enabled") != 0 {
		t.Error("a webhook that has answered 410 is still enabled")
	}
	w.Advance(time.Minute)
	w.Change("zeta", func(u *meter.Usage) { u.Used[meter.Tokens] = 900 })
	w.run(a)
	if len(e.Got()) != 1 || len(w.Slack.Got()) != 1 {
		t.Error("a disabled webhook got a message")
	}
}

func TestTheDatabaseRefusesBadWebhooks(t *testing.T) {
	w := newWorld(t)
	w.Exec("INSERT INTO tenants (name) VALUES ('acme')")
	of := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, c := range []struct {
		url, secret string
		ok          bool
	}{
		{"https://a.example/x?y=z", of(24), true},
		{"http://a.example", of(64), true},
		{"https://b.example", of(23), false},
		{"https://b.example", of(65), false},
		{"https://b.example", "whsec_", false},
		{"https://b.example", of(32)[6:], false},
		{"https://b.example", of(32) + "!", false},
		{"https://b.example", "whsec_" + strings.Repeat("A ", 40), false},
		{"ftp://b.example", of(32), false},
		{"b.example", of(32), false},
		{"https://", of(32), false},
		{"https:///x", of(32), false},
		{"https://b.example/a b", of(32), false},
		{"https://b.example/\n", of(32), false},
		{"https://b.example/" + strings.Repeat("x", 2048), of(32), false},
	} {
		for _, column := range []string{"secret", "previous_secret"} {
			_, err := w.DB.Exec("INSERT INTO webhooks (url, "+column+") VALUES ($1, $2)",
				c.url+"#"+column, c.secret)
			if strings.HasSuffix(c.url, "//") {
				_, err = w.DB.Exec("INSERT INTO webhooks (url, "+column+") VALUES ($1, $2)", c.url, c.secret)
			}
			if (err == nil) != c.ok {
				t.Errorf("%s %s: %v", column, c.url, err)
			}
			if err == nil {
				continue
			}
			refused, ok := err.(*pq.Error)
			if !ok || refused.Code.Class() != "23" && refused.Code.Class() != "22" {
				t.Errorf("%s: %v", c.url, err)
			}
		}
	}
	var secret string
	for range 20 {
		if err := w.DB.Get(&secret, "INSERT INTO webhooks (url)"+
			" VALUES ('https://c.example/' || gen_random_uuid()) RETURNING secret"); err != nil {
			t.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(raw) != 32 {
			t.Errorf("generated %d bytes, %v", len(raw), err)
		}
	}
	_, err := w.DB.Exec("INSERT INTO webhooks (tenant, url)" +
		" VALUES (NULL, 'https://d.example'), (NULL, 'https://d.example')")
	if err == nil {
		t.Error("the same webhook for all tenants is accepted twice")
	}
}
