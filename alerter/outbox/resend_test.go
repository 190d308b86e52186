package outbox_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/alerter/alertertest"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// A delivery that is sent again is the message that its receiver may know, to the letter and
// with the same id, and every attempt stays on record.
func TestResendKeepsTheMessageAndItsID(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	e := w.Endpoint(alertertest.Status(400))
	w.AddWebhook(e, nil)
	w.Slack.Answers(alertertest.Status(401))
	a := w.alerter()
	if r := w.run(a); r.Dead != 2 {
		t.Fatalf("got %+v", r)
	}
	resend := func(ask store.ResendQuery, want int64) {
		t.Helper()
		if n, err := store.Resend(t.Context(), w.DB, ask); err != nil || n != want {
			t.Errorf("%d are sent again, %v; want %d", n, err, want)
		}
	}
	resend(store.ResendQuery{Tenant: "zeta"}, 0)
	resend(store.ResendQuery{Tenant: "acme"}, 2)
	resend(store.ResendQuery{Tenant: "acme"}, 0) // they wait already
	w.Slack.Answers(nil)
	w.Advance(48 * time.Hour)
	w.Change("acme", func(u *meter.Usage) { u.Used[meter.Tokens] = 950 })
	if r := w.run(a); r.Delivered != 1 || r.Dead != 1 {
		t.Fatalf("got %+v", r)
	}
	slack := w.WantMessages("acme", "acme")
	if slack[0] != slack[1] || slack[0].ID == "" {
		t.Errorf("the message differs: %q", slack)
	}
	got := e.Got()
	if string(got[0].Body) != string(got[1].Body) ||
		got[0].Header.Get("webhook-id") != got[1].Header.Get("webhook-id") {
		t.Errorf("the event differs: %s, %s", got[0].Body, got[1].Body)
	}
	alerts, err := store.Alerts(t.Context(), w.DB, store.AlertQuery{Limit: 10})
	if err != nil || len(alerts) != 1 || len(alerts[0].Deliveries) != 2 {
		t.Fatalf("got %+v, %v", alerts, err)
	}
	for _, d := range alerts[0].Deliveries {
		if len(d.Attempts) != 2 || *d.Attempts[0].Status < 400 {
			t.Errorf("%s: attempts %+v", d.Kind, d.Attempts)
		}
		last := d.Attempts[1]
		if (d.Kind == "slack") != (d.Status == "delivered" && last.Error == nil &&
			*last.Status == 200) {
			t.Errorf("%s is %s: %+v", d.Kind, d.Status, last)
		}
	}
	resend(store.ResendQuery{}, 1)
	resend(store.ResendQuery{IDs: []uuid.UUID{alerts[0].ID}}, 1) // the delivered one; the other waits
}

// An attempt whose sender has died is on record, with its outcome unknown.
func TestAnAttemptIsOnRecordBeforeItIsMade(t *testing.T) {
	w := newWorld(t)
	a := w.alerter()
	w.crossing(a)
	w.claim(a)
	alerts, err := store.Alerts(t.Context(), w.DB, store.AlertQuery{Limit: 10, State: "pending"})
	if err != nil || len(alerts) != 1 {
		t.Fatalf("got %+v, %v", alerts, err)
	}
	tries := alerts[0].Deliveries[0].Attempts
	if len(tries) != 1 || tries[0].Status != nil || tries[0].Error == nil ||
		*tries[0].Error != "no outcome recorded" {
		t.Errorf("got %+v", tries)
	}
}
