package e2e

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/api"
	"github.com/eduardosanzb/flagmeter/test/kit/slacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// realRequests is a trace of real requests to a language model, which is not part of
// the project: the Azure LLM inference trace 2023 (CC-BY 4.0; Patel et al., "Splitwise:
// Efficient generative LLM inference using phase splitting", ISCA 2024).
const realRequests = root + "/../shared/data/azure-llm-code.csv"

// TestRealInput imports the trace into a tenant that crosses 80 % on the way. Every
// place that counts tokens agrees with the file, a second import changes nothing, and
// one alert reaches Slack's stand-in.
func TestRealInput(t *testing.T) {
	rows, tokens := sumOf(t, realRequests)
	slack := slacktest.NewInbox(t)
	env := stacktest.New(t)
	s := settingsOf(env).with("SLACK_WEBHOOK_URL", slack.URL).with("WEBHOOK_ALLOW_PRIVATE", "true")
	line := launch(t, s, "dev", "--listen", "127.0.0.1:0").line("flagmeter ready ")
	url := strings.TrimSuffix(strings.TrimPrefix(line, "flagmeter ready "), "/usage")

	quota := strconv.FormatInt(tokens*100/90, 10) // the file is 90 % of it
	succeed(t, s, "tenants", "add", "trace", "--quota", quota)
	waittest.Until(t, "the tenant is known", func() bool {
		return get(t, url+"/usage/trace", nil) == http.StatusOK
	})

	importFile := func() (report struct{ Accepted, Duplicates, Refused int }) {
		out := succeed(t, s, "import", realRequests, "--url", url, "--tenant", "trace",
			"--feature", "code", "--tokens", "ContextTokens+GeneratedTokens", "--json")
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			t.Fatalf("report %q: %v", out, err)
		}
		return report
	}
	wantLive := func() {
		t.Helper()
		var usage struct {
			TotalTokens int64
			Stale       bool
			Features    []struct{ Tokens, Events int64 }
		}
		get(t, url+"/usage/trace", &usage)
		if usage.TotalTokens != tokens || usage.Stale || len(usage.Features) != 1 ||
			usage.Features[0].Events != int64(rows) {
			t.Errorf("live usage %+v, want %d tokens of %d events", usage, tokens, rows)
		}
	}

	if got := importFile(); got.Accepted != rows || got.Duplicates != 0 || got.Refused != 0 {
		t.Errorf("first import: %+v, want %d accepted", got, rows)
	}
	wantLive() // at once, while nothing is settled
	waittest.Until(t, "the alert is delivered", func() bool { return len(slack.Got()) > 0 })

	if got := importFile(); got.Accepted != 0 || got.Duplicates != rows || got.Refused != 0 {
		t.Errorf("second import: %+v, want %d duplicates", got, rows)
	}
	wantLive()

	// The minutes of the import are over within a minute and then settle.
	waittest.Until(t, "everything is in Postgres", func() bool {
		return env.Count(t, "SELECT coalesce(sum(total_tokens), 0) FROM rollups") == tokens
	})
	for what, query := range map[string]string{
		"events": "SELECT sum(tokens) FROM events WHERE tenant = 'trace' AND feature = 'code'",
		"rollups": "SELECT sum(total_tokens) FROM rollups WHERE tenant = 'trace'" +
			" AND feature = 'code'",
		"usage_daily": "SELECT sum(total_tokens) FROM usage_daily WHERE tenant = 'trace'" +
			" AND feature = 'code'",
	} {
		if got := env.Count(t, query); got != tokens {
			t.Errorf("%s: %d tokens, the file has %d", what, got, tokens)
		}
	}
	if got := env.Count(t, "SELECT count(*) FROM events"); got != int64(rows) {
		t.Errorf("%d rows in events, the file has %d", got, rows)
	}
	wantLive() // settled now
	if got := env.Count(t, "SELECT count(*) FROM alerts"); got != 1 {
		t.Errorf("%d alerts, want 1", got)
	}
	if got := slack.Got(); len(got) != 1 {
		t.Errorf("%d messages reached Slack, want 1: %q", len(got), got)
	} else if !strings.Contains(got[0].Body, "trace") {
		t.Errorf("message does not name the tenant: %s", got[0].Body)
	}
	t.Logf("%d rows, %d tokens: file = live = events = rollups = usage_daily", rows, tokens)
}

// sumOf adds up the token columns of the trace, and skips the test where it is absent.
func sumOf(t *testing.T, path string) (rows int, tokens int64) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Skipf("the trace of real requests is not here: %v", err)
	}
	defer file.Close()
	r := csv.NewReader(file)
	header, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	for {
		record, err := r.Read()
		if err == io.EOF {
			return rows, tokens
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range header {
			if name == "ContextTokens" || name == "GeneratedTokens" {
				n, err := strconv.ParseInt(record[i], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				tokens += n
			}
		}
		rows++
	}
}

// get fetches JSON and returns the status.
func get(t testing.TB, url string, into any) int {
	t.Helper()
	a := api.Client{URL: url}.Get(t, "")
	if into != nil {
		a.Read(t, into)
	}
	return a.Status
}
