package outbox_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/alerter"
	"github.com/eduardosanzb/flagmeter/alerter/alertertest"
	"github.com/eduardosanzb/flagmeter/alerter/outbox"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// says answers a body with a status and a content type.
func says(code int, contentType, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// The answer is on record without secrets, and a message that a chat refuses is given up after a
// few attempts.
func TestWhatAChatAnswersIsKept(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/services/"+alertertest.Secret+"?token="+alertertest.Secret+"%2Fescaped")
	w.Slack.Answers(says(200, "application/json", `{"ok":false,"error":"no /services/`+
		alertertest.Secret+` with `+alertertest.Secret+`/escaped","more":"`+strings.Repeat("é",
		300)+`"}`))
	a := w.alerter()
	w.run(a)
	alerts, err := store.Alerts(t.Context(), w.DB, store.AlertQuery{Limit: 1})
	if err != nil || len(alerts) != 1 || len(alerts[0].Deliveries[0].Attempts) != 1 {
		t.Fatalf("%+v, %v", alerts, err)
	}
	d := alerts[0].Deliveries[0]
	try := d.Attempts[0]
	if d.Status != "pending" || *try.Error != "HTTP 200 with ok false" || try.Answer == nil ||
		len([]rune(*try.Answer)) != 200 ||
		!strings.HasPrefix(*try.Answer, `{"ok":false,"error":"no [secret] with [secret]`) {
		t.Errorf("%s, %s, %v", d.Status, *try.Error, try.Answer)
	}
	for range 20 {
		w.Advance(2 * time.Minute)
		w.run(a)
	}
	n := w.Count(
		"deliveries WHERE status = 'dead' AND attempts = 7 AND last_error = 'HTTP 200 with ok false'")
	if n != 1 {
		t.Error(w.Dump())
	}
	if strings.Contains(w.Dump(), alertertest.Secret) {
		t.Errorf("the alertertest.Secret is on record: %s", w.Dump())
	}
}

// A receiver that is replaced behind its proxy answers 404 or 403 for a minute. It gets its
// message, also if it was away for long before.
func TestAReceiverThatIsReplacedGetsItsMessage(t *testing.T) {
	for _, code := range []int{403, 404, 408, 425} {
		w := newWorld(t)
		w.AddTenant("acme", 900, 1000, 80)
		w.AddSlack("acme", "/a")
		a := w.alerter()
		w.Slack.Answers(alertertest.Status(503))
		for range 10 { // a second outage, with waits of up to an hour
			w.run(a)
			w.Advance(time.Hour)
		}
		w.Slack.Answers(alertertest.Status(code))
		var result alerter.Result
		for range 60 { // a minute, looked at every second
			r := w.run(a)
			result.Retried, result.Dead = result.Retried+r.Retried, result.Dead+r.Dead
			w.Advance(time.Second)
		}
		if result.Dead != 0 || result.Retried == 0 {
			t.Errorf("%d for a minute: %+v", code, result)
		}
		w.Slack.Answers(nil)
		for range 3 {
			w.Advance(time.Hour)
			w.run(a)
		}
		if n := w.Count("deliveries WHERE status = 'delivered'"); n != 1 {
			t.Errorf("%d: %s", code, w.Dump())
		}
	}
}

func TestAReceiverThatStaysAwayIsGivenUpAfterAFew(t *testing.T) {
	for code, attempts := range map[int]int{403: 7, 404: 7, 401: 1} {
		w := newWorld(t)
		w.AddTenant("acme", 900, 1000, 80)
		w.AddSlack("acme", "/a")
		w.Slack.Answers(alertertest.Status(code))
		a := w.alerter()
		started := w.Clock()
		var ended time.Time
		for range 200 {
			if w.run(a).Dead == 1 {
				ended = w.Clock()
			}
			w.Advance(time.Second)
		}
		if n := w.Count("deliveries WHERE status = 'dead'"); n != 1 || len(w.Slack.Got()) != attempts {
			t.Errorf("%d: %d attempts, want %d: %s", code, len(w.Slack.Got()), attempts, w.Dump())
		}
		lasted := ended.Sub(started)
		if attempts > 1 && (lasted < time.Minute || lasted > 3*time.Minute) {
			t.Errorf("%d: given up after %v", code, lasted)
		}
		// Sent again, it gets as many.
		w.Exec("UPDATE deliveries SET status = 'pending', attempts = 0, next_attempt_at = $1,"+
			" give_up_at = $2", w.Clock(), w.Clock().Add(outbox.GiveUp))
		if w.run(a).Retried == 1 != (attempts > 1) {
			t.Errorf("%d: sent again: %s", code, w.Dump())
		}
	}
}
