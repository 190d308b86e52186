package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/stack"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// TestDoctorFindsNothingWrong has stores that keep what they acknowledge, as in production, and
// a flusher that has made its partitions.
func TestDoctorFindsNothingWrong(t *testing.T) {
	t.Parallel()
	st, err := stack.Start(t.Context(), stack.Options{Valkey: true, Postgres: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := settings{"DATABASE_URL": st.DatabaseURL, "VALKEY_URL": st.ValkeyURL,
		"LISTEN_ADDR": "127.0.0.1:0", "METRICS_ADDR": "127.0.0.1:0"}
	succeed(t, s, "migrate")
	succeed(t, s, "seed")
	flusher := launch(t, s, "flusher")
	flusher.line(`"msg":"started"`)
	waittest.Until(t, "the flusher has made the partitions", func() bool {
		_, text, _ := execute(t, s, "doctor")
		return strings.Contains(text, "✓ events ") && strings.Contains(text, "✓ rollups ")
	})

	text := succeed(t, s, "doctor")
	for _, want := range []string{
		" reachable           answers in ", "\n  ✓ fsync               appendfsync always",
		"\n  ✓ fsync               on\n", "\n  ✓ tenants             1 active", " 0 failed\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if text := succeed(t, s.with("LANG", "C"), "doctor"); strings.Contains(text, "✓") ||
		!strings.Contains(text, "\n  ok fsync ") {
		t.Errorf("in plain ASCII:\n%s", text)
	}
	var report struct {
		OK       bool
		Failures int
		Findings []struct{ Group, Check, Status, Finding, Advice string }
	}
	if err := json.Unmarshal([]byte(succeed(t, s, "doctor", "--json")), &report); err != nil ||
		!report.OK || report.Failures != 0 || len(report.Findings) < 25 {
		t.Errorf("JSON: %v, %+v", err, report)
	}
	for _, f := range report.Findings {
		if f.Group == "" || f.Check == "" || f.Finding == "" || f.Status == "warn" && f.Advice == "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestDoctorTellsEveryMistakeOfTheSettings(t *testing.T) {
	t.Parallel()
	s := settings{"SHARDS": "0", "VALKEY_URL": "http://:canary-in-a-password@host",
		"JWT_SECRET": "canary-short"}
	status, text, stderr := execute(t, s, "doctor")
	if status != 1 || stderr != "flagmeter: 4 checks have failed\n" ||
		strings.Count(text, "  ✗ ") != 4 || strings.Count(text, "    do: ") != 4 {
		t.Errorf("exit %d, %s\n%s", status, stderr, text)
	}
	for _, name := range []string{
		"DATABASE_URL is not set", "VALKEY_URL must be", "JWT_SECRET must be", "SHARDS must be",
	} {
		if !strings.Contains(text, name) {
			t.Errorf("no %s in\n%s", name, text)
		}
	}
	if strings.Contains(text, "canary") {
		t.Errorf("a secret is said:\n%s", text)
	}
	status, text, _ = execute(t, s, "doctor", "--json")
	if status != 1 || !strings.Contains(text, `"ok": false`) ||
		!strings.Contains(text, `"failures": 4`) || strings.Contains(text, "canary") {
		t.Errorf("exit %d\n%s", status, text)
	}
}

func TestDoctorWarnsOfRiskySettings(t *testing.T) {
	t.Parallel()
	s := settingsOf(stacktest.New(t)).with("AUTH", "off").with("LISTEN_ADDR",
		":3000").with("PUBLIC_URL", "http://meter.example.com")
	_, text, _ := execute(t, s, "doctor")
	for _, want := range []string{
		"! authentication      off, and other machines can reach the API",
		"do: set AUTH=required, then: flagmeter keys create --scope admin",
		"! public url          without TLS", "PUBLIC_URL=https://meter.example.com",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
