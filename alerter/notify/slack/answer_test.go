package slack

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
	"github.com/eduardosanzb/flagmeter/alerter/notify/webhook"
)

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
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				_, _ = io.WriteString(w, tt.body)
			}))
			t.Cleanup(srv.Close)
			sender := notify.NewSender(true, time.Now)
			for _, kind := range []notify.Notifier{Notifier{}, webhook.Notifier{}} {
				m, err := notify.NewMessage(kind, notify.Target{URL: srv.URL + "/a"}, "id", crossed())
				if err != nil {
					t.Fatal(err)
				}
				got := sender.Post(t.Context(), m)
				want, chat := tt.reason, kind == Notifier{}
				if !chat {
					want = "" // a signed webhook says all with its status
				}
				if got.Reason != want || got.Retry != (want != "") || got.Few != (tt.few && chat) {
					t.Errorf("%T: %q, retry %v, few %v; want %q, few %v",
						kind, got.Reason, got.Retry, got.Few, want, tt.few)
				}
			}
		})
	}
}
