package doctor_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/doctor"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func noCanary(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "canary") {
		t.Errorf("a secret is said:\n%s", text)
	}
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	found, _ := visit{}.examine(t, env)
	must(t, found, "webhooks/webhooks", doctor.Warn, "there is none", "set SLACK_WEBHOOK_URL")

	var mu sync.Mutex
	var bodies []string
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, r.URL.Path+" "+string(body))
		w.WriteHeader(status)
		_, _ = w.Write([]byte("no_service canary-in-the-path"))
	}))
	defer server.Close()
	execSQL(t, env, `INSERT INTO tenants (name) VALUES ('acme'), ('other')`)
	execSQL(t, env, `INSERT INTO slack_webhooks (id, tenant, url)
		VALUES ('00000000-0000-7000-8000-000000000001', 'acme', $1 || '/canary-in-the-path/slack')`,
		server.URL)
	execSQL(t, env, `INSERT INTO webhooks (id, tenant, url) VALUES
		('00000000-0000-7000-8000-000000000002', 'other', $1 || '/canary-in-the-path/own')`, server.URL)
	execSQL(t, env, `INSERT INTO webhooks (tenant, url, enabled)
		VALUES ('other', $1 || '/canary-in-the-path/off', false)`, server.URL)
	const slack, own, standard = "webhooks/slack" +
		" 00000000-0000-7000-8000-000000000001", "webhooks/webhook" +
		" 00000000-0000-7000-8000-000000000002", "webhooks/slack default"

	// The rules of the alerter: no TLS, no alert.
	found, text := visit{}.examine(t, env)
	must(t, found, slack, doctor.Fail, "webhook URL is not https",
		"SELECT * FROM slack_webhooks WHERE id = '00000000-0000-7000-8000-000000000001'")
	must(t, found, own, doctor.Fail, "webhook URL is not https",
		"SELECT * FROM webhooks WHERE id = '00000000-0000-7000-8000-000000000002'")
	noCanary(t, text)
	secure := strings.Replace(server.URL, "http:", "https:", 1) + "/canary-in-the-path"
	found, text = visit{settings: map[string]string{"SLACK_WEBHOOK_URL": secure}}.examine(t, env)
	must(t, found, standard, doctor.Fail, "webhook address is not public", "SLACK_WEBHOOK_URL")
	noCanary(t, text)

	// Allowed: connected to, and nothing said.
	allow := map[string]string{"WEBHOOK_ALLOW_PRIVATE": "true", "SLACK_WEBHOOK_URL": secure}
	found, text = visit{settings: allow}.examine(t, env)
	must(t, found, "settings/webhook rules", doctor.Warn, "WEBHOOK_ALLOW_PRIVATE=true",
		"remove WEBHOOK_ALLOW_PRIVATE")
	must(t, found, slack, doctor.OK, "can be reached", "")
	must(t, found, own, doctor.OK, "can be reached", "")
	must(t, found, standard, doctor.Fail, "server does not speak TLS", "flagmeter doctor --send")
	noCanary(t, text)
	if len(bodies) != 0 {
		t.Fatalf("without --send it said %q", bodies)
	}

	found, text = visit{settings: allow, send: true}.examine(t, env)
	must(t, found, slack, doctor.OK, "took a test message", "")
	must(t, found, own, doctor.OK, "took a test message", "")
	noCanary(t, text)
	if len(bodies) != 2 || bodies[0] == bodies[1] {
		t.Fatalf("got %q", bodies)
	}
	for _, body := range bodies {
		if strings.Contains(body, "/off ") || !strings.Contains(strings.ToLower(body), "test") {
			t.Errorf("got %s", body)
		}
	}
	status = http.StatusForbidden
	found, text = visit{settings: allow, send: true}.examine(t, env)
	must(t, found, slack, doctor.Fail, "HTTP 403", "make a new webhook")
	noCanary(t, text)
}
