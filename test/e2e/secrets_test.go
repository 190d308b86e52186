package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// Nothing that any role writes, at whatever level, has a secret in it: not what clients put where
// it does not belong, nor what the settings and the tables have.
func TestNoLineOfALogHasASecret(t *testing.T) {
	const word = "hunter2hunter2"
	env := stacktest.Own(t)
	s := settingsOf(env).with("AUTH", "required").with("LOG_LEVEL", "debug").
		with("JWT_JWKS", "http://user:"+word+"@127.0.0.1:1/keys?token="+word).
		with("SLACK_WEBHOOK_URL", "https://chat.example.invalid/hooks/"+word)
	succeed(t, s, "seed")
	key := createKey(t, s, "--scope", "admin")
	if _, err := env.DB.Exec(`INSERT INTO webhooks (tenant, url, secret) VALUES
		('acme-corp', 'https://u:` + word + `@127.0.0.1:1/hooks/` + word + `', 'whsec_` +
		"aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==" + `')`); err != nil {
		t.Fatal(err)
	}
	flusher, alerter := launch(t, s, "flusher"), launch(t, s, "alerter")
	api := launch(t, s, "ingest")
	started := api.line(`"msg":"started"`)
	_, address, _ := strings.Cut(started, `"address":"`)
	address, _, _ = strings.Cut(address, `"`)
	base := "http://" + address
	answered(t, 200, key, "POST", base+"/events", oneEvent)

	escaped := strings.ReplaceAll(key, "_", "%5F")
	paths := []string{"/usage/" + key, "/usage/" + escaped,
		"/usage/" + strings.ReplaceAll(key, "_", "%255F"), "/" + key,
		"/usage/acme-corp/" + key, "/keys/" + key, "/usage/acme-corp?key=" + key,
		"/usage/100%25" + escaped,
		"/usage/" + url.PathEscape("https://user:"+word+"@host"),
		"/usage/https:%2F%2Fuser:" + word + "@host/series",
		"/usage/eyJhbGciOiJIUzI1NiJ9.eyJ0ZW5hbnQiOiJhIn0." + word}
	ask := func() {
		for _, path := range paths {
			for _, method := range []string{"GET", "POST", "DELETE"} {
				for _, with := range []string{"", key} {
					requestAs(t, with, method, base+path, `{"scope":"read","key":"`+key+`"}`)
				}
			}
		}
		req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/usage/"+key, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("user", word)
		req.Header.Set("Cookie", "__Host-flagmeter="+word)
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}
	ask()
	answered(t, 200, key, "GET", base+"/tenants", "")
	env.Stack.Postgres.Kill() // what fails is logged with its path
	ask()
	requestAs(t, key, "DELETE", base+"/keys/0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e", "")

	secrets := []string{word, key, key[len("fm_admin_"):], escaped}
	for name, d := range map[string]*daemon{"ingest": api, "flusher": flusher, "alerter": alerter} {
		_, lines := d.stop()
		if lines += d.stderr.String(); lines == "" {
			t.Errorf("%s has written nothing", name)
		}
		if name == "ingest" && (!strings.Contains(lines, `"path":"/usage/fm_admin_[secret]"`) ||
			!strings.Contains(lines, `"level":"ERROR"`)) {
			t.Errorf("what was to be looked at is not there: %.2000s", lines)
		}
		for line := range strings.Lines(lines) {
			for _, secret := range secrets {
				if strings.Contains(line, secret) {
					t.Errorf("%s: %s", name, line)
				}
			}
		}
	}
	// Nor has what commands print for people.
	for _, c := range []struct {
		name, value string
		args        []string
	}{
		{"BACKUP_S3_ENDPOINT", "https://key:" + word + "@s3.example.com", []string{"backup"}},
		{"JWT_JWKS", "ftp://user:" + word + "@host", []string{"ingest"}},
		{"PUBLIC_URL", "https://user:" + word + "@host", []string{"alerter"}},
		{"LOG_LEVEL", "info", []string{"keys", "revoke", key + "x"}},
		{"LOG_LEVEL", "info", []string{key}},
		{"LOG_LEVEL", "info", []string{"tokens", "mint", "--tenant", key}},
	} {
		status, stdout, stderr := execute(t, s.with(c.name, c.value), c.args...)
		for _, secret := range secrets {
			if status == 0 || strings.Contains(stdout+stderr, secret) {
				t.Errorf("%s: exit %d: %s", fmt.Sprint(c.args), status, stderr)
			}
		}
	}
}
