package ingest

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// alertRows are an open alert with a message to Slack that was taken at the second attempt, a
// cleared one with an event that was given up, and an older one without deliveries.
const alertRows = `
	INSERT INTO slack_webhooks (id, tenant, url)
	VALUES ('00000000-0000-7000-8000-00000000000a', 'acme', 'https://hooks.example/services/xoxsecretxox');
	INSERT INTO webhooks (id, url)
	VALUES ('00000000-0000-7000-8000-00000000000b', 'https://events.example/xoxsecretxox');
	INSERT INTO alerts (id, tenant, period_start, period_end, threshold, used, quota, fired_at, cleared_at) VALUES
		('00000000-0000-7000-8000-000000000003', 'acme', '2026-03-01', '2026-04-01', 80, 8213, 10000, '2026-03-03 12:00:00+00', NULL),
		('00000000-0000-7000-8000-000000000002', 'gone', '2026-03-01', '2026-04-01', 100, 1000, 1000, '2026-03-02 12:00:00+00', '2026-03-02 13:00:00+00'),
		('00000000-0000-7000-8000-000000000001', 'acme', '2026-02-01', '2026-03-01', 80, 800, 1000, '2026-02-01 12:00:00+00', '2026-03-01 00:00:00+00');
	INSERT INTO deliveries (id, alert_id, kind, event, target, slack_webhook_id, webhook_id, status, attempts, delivered_at, last_error) VALUES
		('00000000-0000-7000-8000-0000000000d1', '00000000-0000-7000-8000-000000000003', 'slack', 'quota.threshold_crossed', 'webhook',
			'00000000-0000-7000-8000-00000000000a', NULL, 'delivered', 2, '2026-03-03 12:00:05+00', NULL),
		('00000000-0000-7000-8000-0000000000d2', '00000000-0000-7000-8000-000000000002', 'webhook', 'quota.rearmed', 'webhook',
			NULL, '00000000-0000-7000-8000-00000000000b', 'dead', 1, NULL, 'HTTP 404');
	INSERT INTO delivery_attempts (delivery_id, at, status, error, duration_ms) VALUES
		('00000000-0000-7000-8000-0000000000d1', '2026-03-03 12:00:01+00', NULL, NULL, NULL),
		('00000000-0000-7000-8000-0000000000d1', '2026-03-03 12:00:04+00', 200, NULL, 12),
		('00000000-0000-7000-8000-0000000000d2', '2026-03-02 13:00:01+00', 404, 'HTTP 404', 7);`

func TestAlertsShowEveryAttempt(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	if _, err := a.env.DB.Exec(alertRows); err != nil {
		t.Fatal(err)
	}
	r := a.get("/alerts?state=open")
	want := `{"alerts":[{"id":"00000000-0000-7000-8000-000000000003","tenant":"acme","threshold":80,"used":8213,"quota":10000,"percent":82.13,` +
		`"periodStart":"2026-03-01","periodEnd":"2026-04-01","state":"open","firedAt":"2026-03-03T12:00:00Z","clearedAt":null,"deliveries":[` +
		`{"id":"00000000-0000-7000-8000-0000000000d1","kind":"slack","event":"quota.threshold_crossed","target":"slack 00000000-0000-7000-8000-00000000000a",` +
		`"status":"delivered","attempts":2,"nextAttemptAt":null,"deliveredAt":"2026-03-03T12:00:05Z","lastError":null,"tries":[` +
		`{"at":"2026-03-03T12:00:01Z","status":null,"error":"no outcome recorded","durationMs":0,"answer":null},` +
		`{"at":"2026-03-03T12:00:04Z","status":200,"error":null,"durationMs":12,"answer":null}]}]}],"next":null}`
	if r.status != 200 || r.body != want {
		t.Errorf("%d\n%s\nwant\n%s", r.status, r.body, want)
	}
	for query, want := range map[string]string{
		"": "321", "tenant=acme": "31", "tenant=gone": "2", "state=cleared": "21", "state=delivered": "3",
		"state=dead": "2", "state=pending": "",
		"tenant=acme&state=cleared": "1", "limit=2": "32",
	} {
		r := a.get("/alerts?" + query)
		if got := alertsIn(t, r.body); got != want {
			t.Errorf("%s: alerts %q, want %q", query, got, want)
		}
		if strings.Contains(r.body, "xoxsecretxox") || strings.Contains(r.body, "whsec_") {
			t.Errorf("%s: a secret is in %s", query, r.body)
		}
	}
}

func alertsIn(t *testing.T, body string) (last string) {
	t.Helper()
	var answer struct{ Alerts []struct{ ID string } }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, alert := range answer.Alerts {
		last += alert.ID[len(alert.ID)-1:]
	}
	return last
}

func TestAlertsArePaged(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	if _, err := a.env.DB.Exec(alertRows); err != nil {
		t.Fatal(err)
	}
	var seen string
	next := ""
	for range 4 {
		r := a.get("/alerts?limit=1&cursor=" + url.QueryEscape(next))
		seen += alertsIn(t, r.body)
		var answer struct{ Next *string }
		if err := json.Unmarshal([]byte(r.body), &answer); err != nil {
			t.Fatal(err)
		}
		if answer.Next == nil {
			break
		}
		next = *answer.Next
	}
	if seen != "321" {
		t.Errorf("the pages hold %q", seen)
	}
}

func TestAlertsRefuseWhatTheyDoNotKnow(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	for query, field := range map[string]string{
		"state=closed": "state", "limit=0": "limit", "limit=1001": "limit", "limit=x": "limit",
		"cursor=x": "cursor", "cursor=eA": "cursor",
		"tennant=acme": "tennant", "state=open&state=dead": "state", "tenant=%zz": "",
	} {
		r := a.get("/alerts?" + query)
		if r.status != 400 || !strings.Contains(r.body, `"errors":[{`) || field != "" &&
			!strings.Contains(r.body, `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
	a.refused(a.get("/alerts?tenant=nobody"), 404, "unknown-tenant")
}
