package command

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// The commands print what webhooks answer, and never what is secret about them, even if the
// answer repeats it.
func TestAlertsCommands(t *testing.T) {
	env := stacktest.New(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/bad") {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprintf(w, "hello from %s?%s", r.URL.Path, r.URL.RawQuery)
	}))
	t.Cleanup(srv.Close)
	var secret string
	err := env.DB.Get(&secret, `WITH t AS (INSERT INTO tenants (name, monthly_quota)
		VALUES ('acme', 1000), ('quiet', 1000) RETURNING name)
		INSERT INTO webhooks (url) VALUES ($1) RETURNING secret`,
		srv.URL+"/bad/xoxsecretxox?t=xoxsecretxox")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := env.DB.Exec("INSERT INTO slack_webhooks (tenant, url) VALUES ('acme', $1)",
		srv.URL+"/services/xoxsecretxox"); err != nil {
		t.Fatal(err)
	}
	run := func(want int, args ...string) string {
		t.Helper()
		var out strings.Builder
		getenv := func(name string) string {
			return map[string]string{"DATABASE_URL": env.DatabaseURL, "WEBHOOK_ALLOW_PRIVATE": "true"}[name]
		}
		got := Run(t.Context(), Root(Alerts(Env{Getenv: getenv})),
			append([]string{"alerts"}, args...), &out, &out)
		if got != want {
			t.Errorf("%v: status %d, want %d: %s", args, got, want, &out)
		}
		for _, word := range []string{
			"xoxsecretxox", secret, strings.TrimPrefix(secret, "whsec_"), srv.URL,
		} {
			if strings.Contains(out.String(), word) {
				t.Errorf("%v: %q is in the output: %s", args, word, &out)
			}
		}
		return out.String()
	}
	out := run(1, "test", "--tenant", "acme")
	for _, part := range []string{
		"taken, after", `answer "hello from [secret]?"`, "HTTP 403",
		"1 of 2 webhooks did not take the message",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is not in %s", part, out)
		}
	}
	run(1, "test", "--tenant", "nobody")
	run(2, "test")
	if out := run(0, "list"); out != "no alerts\n" {
		t.Errorf("got %s", out)
	}
	if _, err := env.DB.Exec(
		`WITH a AS (INSERT INTO alerts (tenant, period_start, period_end, threshold, used, quota)
			VALUES ('acme', '2026-11-01', '2026-12-01', 80, 800, 1000) RETURNING id)
		INSERT INTO deliveries (alert_id, kind, target, webhook_id, status, last_error)
		SELECT a.id, 'webhook', 'webhook', w.id, 'dead', 'HTTP 403' FROM a, webhooks w`); err != nil {
		t.Fatal(err)
	}
	if out := run(0, "list", "--tenant", "acme", "--state", "dead"); !strings.Contains(out,
		"800 / 1,000 tokens (80%)") || !strings.Contains(out, "dead") {
		t.Errorf("got %s", out)
	}
	run(2, "list", "--state", "odd")
	run(2, "resend")
	run(2, "resend", "no-id")
	if out := run(0, "resend", "--tenant", "quiet"); out != "0 deliveries will be sent again\n" {
		t.Errorf("got %s", out)
	}
	if out := run(0, "resend", "--tenant", "acme"); out != "1 deliveries will be sent again\n" {
		t.Errorf("got %s", out)
	}
}
