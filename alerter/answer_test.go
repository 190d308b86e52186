package alerter

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

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

const teams429 = "Webhook message delivery failed with error: Microsoft Teams endpoint returned" +
	" HTTP error 429 with ContextId tcid=0,server=X."

func TestA200IsNotAlwaysADelivery(t *testing.T) {
	const page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"
	for _, tt := range []struct {
		name, contentType, body string
		reason                  string // empty: it is a delivery
		few                     bool
	}{
		{"Slack", "text/html", "ok", "", false}, // as Slack answers indeed
		{"Rocket.Chat", "application/json", `{"success":true}`, "", false},
		{"Mattermost", "text/plain", "ok", "", false},
		{"Google Chat", "application/json", `{"name":"spaces/a","text":"{\"ok\":false}"}`, "", false},
		{"Teams", "text/plain", "1", "", false},
		{"nothing", "", "", "", false},
		{"inner ok", "application/json", `{"result":{"ok":false}}`, "", false},
		{"a page", "text/html; charset=utf-8", page, "HTTP 200 with a page", true},
		{"a page without its type", "", "\ufeff  " + strings.ToUpper(page), "HTTP 200 with a page", true},
		{"XHTML", "text/html", `<?xml version="1.0"?>` + page, "HTTP 200 with a page", true},
		{"ok is false", "application/json", `{"ok":false,"error":"channel_not_found"}`,
			"HTTP 200 with ok false", true},
		{"success is false", "text/plain", " {\"success\" : false}\n",
			"HTTP 200 with success false", true},
		{"in quotes", "application/json", `{"ok":"false"}`, "HTTP 200 with ok false", true},
		{"Teams, 429", "text/plain", teams429, "HTTP 200 with HTTP error 429", false},
		{"Teams, 403", "text/plain", strings.Replace(teams429, "429", "403", 1),
			"HTTP 200 with HTTP error 403", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.slack.answers(says(200, tt.contentType, tt.body))
			for _, chat := range []bool{true, false} {
				got := testSender(true).post(t.Context(),
					request{url: w.slack.URL + "/a", id: "id", body: []byte(`{"text":"x"}`), chat: chat})
				want := tt.reason
				if !chat {
					want = "" // a signed webhook says all with its status
				}
				if got.reason != want || got.retry != (want != "") || got.few != (tt.few && chat) {
					t.Errorf("chat %v: %q, retry %v, few %v; want %q, few %v",
						chat, got.reason, got.retry, got.few, want, tt.few)
				}
			}
		})
	}
}

// What was answered is on record, without what is secret, and a message that a chat has not
// taken is given up after some attempts.
func TestWhatAChatAnswersIsKept(t *testing.T) {
	w := newWorld(t)
	w.tenant("acme", 900, 1000, 80)
	w.webhook("acme", "/services/"+secret+"?token="+secret+"%2Fescaped")
	w.slack.answers(says(200, "application/json", `{"ok":false,"error":"no /services/`+secret+` with `+
		secret+`/escaped","more":"`+strings.Repeat("é", 300)+`"}`))
	a := w.alerter()
	w.run(a)
	alerts, err := store.Alerts(t.Context(), w.db, store.AlertQuery{Limit: 1})
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
		w.advance(2 * time.Minute)
		w.run(a)
	}
	n := w.count(
		"deliveries WHERE status = 'dead' AND attempts = 7 AND last_error = 'HTTP 200 with ok false'")
	if n != 1 {
		t.Error(w.dump())
	}
	if strings.Contains(w.dump(), secret) {
		t.Errorf("the secret is on record: %s", w.dump())
	}
}

// A receiver that is replaced behind its proxy answers 404 or 403 for a minute. It gets its
// message, also if it was away for long before.
func TestAReceiverThatIsReplacedGetsItsMessage(t *testing.T) {
	for _, code := range []int{403, 404, 408, 425} {
		w := newWorld(t)
		w.tenant("acme", 900, 1000, 80)
		w.webhook("acme", "/a")
		a := w.alerter()
		w.slack.answers(status(503))
		for range 10 { // an outage of its own, with waits of up to an hour
			w.run(a)
			w.advance(time.Hour)
		}
		w.slack.answers(status(code))
		var result Result
		for range 60 { // a minute, looked at every second
			r := w.run(a)
			result.Retried, result.Dead = result.Retried+r.Retried, result.Dead+r.Dead
			w.advance(time.Second)
		}
		if result.Dead != 0 || result.Retried == 0 {
			t.Errorf("%d for a minute: %+v", code, result)
		}
		w.slack.answers(nil)
		for range 3 {
			w.advance(time.Hour)
			w.run(a)
		}
		if n := w.count("deliveries WHERE status = 'delivered'"); n != 1 {
			t.Errorf("%d: %s", code, w.dump())
		}
	}
}

func TestAReceiverThatStaysAwayIsGivenUpAfterAFew(t *testing.T) {
	for code, attempts := range map[int]int{403: 7, 404: 7, 401: 1} {
		w := newWorld(t)
		w.tenant("acme", 900, 1000, 80)
		w.webhook("acme", "/a")
		w.slack.answers(status(code))
		a := w.alerter()
		started := w.clock()
		var ended time.Time
		for range 200 {
			if w.run(a).Dead == 1 {
				ended = w.clock()
			}
			w.advance(time.Second)
		}
		if n := w.count("deliveries WHERE status = 'dead'"); n != 1 || len(w.slack.got()) != attempts {
			t.Errorf("%d: %d attempts, want %d: %s", code, len(w.slack.got()), attempts, w.dump())
		}
		lasted := ended.Sub(started)
		if attempts > 1 && (lasted < time.Minute || lasted > 3*time.Minute) {
			t.Errorf("%d: given up after %v", code, lasted)
		}
		// Sent again, it gets as many.
		w.exec("UPDATE deliveries SET status = 'pending', attempts = 0, next_attempt_at = $1,"+
			" give_up_at = $2", w.clock(), w.clock().Add(giveUp))
		if w.run(a).Retried == 1 != (attempts > 1) {
			t.Errorf("%d: sent again: %s", code, w.dump())
		}
	}
}
