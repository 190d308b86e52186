package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// What k6 exits with when a threshold was missed, and when setup or teardown threw an error.
const (
	k6Missed = 99
	k6Threw  = 107
)

// figures are what a script leaves of its metrics.
type figures map[string]struct{ Values map[string]float64 }

// k6 runs a script against address. It returns the exit status and all that was printed.
func k6(
	t *testing.T, address, script string, env ...string,
) (status int, printed string, got figures) {
	t.Helper()
	summary := filepath.Join(t.TempDir(), "summary.json")
	cmd := exec.CommandContext(t.Context(), "k6", "run", "--quiet", "--no-color", "--address", "",
		root+"/k6/"+script+".js")
	cmd.Env = append(append(os.Environ(), "K6_NO_USAGE_REPORT=true", "URL="+address,
		"SUMMARY="+summary), env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(summary)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var left struct{ Metrics figures }
	if err := json.Unmarshal(text, &left); err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out), left.Metrics
}

func TestK6(t *testing.T) {
	if _, err := exec.LookPath("k6"); err != nil {
		t.Skip("k6 is not in PATH, and to build it takes minutes: go install go.k6.io/k6@v1.8.1")
	}
	env := stacktest.New(t)
	s := settingsOf(env).with("AUTH", "required")
	succeed(t, s, "tenants", "add", "acme-corp", "--quota", "1_000_000_000")
	key := "API_KEY=" + createKey(t, s, "--scope", "admin")
	address := ingest(t, s)
	launch(t, s, "flusher").line(`"started"`)

	for script, settings := range map[string]string{
		"smoke": "", "load": "RATE=100 DURATION=2s", "batch": "RATE=5 DURATION=2s",
		"soak": "RATE=50 DURATION=3s",
	} {
		t.Run(script, func(t *testing.T) {
			status, printed, got := k6(t, address, script, append(strings.Fields(settings), key)...)
			// How long answers take on a machine that runs tests is not judged.
			exact := got["sum_judged"].Values["count"] == 1 && got["tokens_missing"].Values["count"] == 0 &&
				got["unanswered_events"].Values["count"] == 0
			checks, any := got["checks"]
			if status != 0 && status != k6Missed || !exact || got["http_req_failed"].Values["rate"] > 0 ||
				any && checks.Values["rate"] < 1 {
				t.Errorf("exit %d\n%s", status, printed)
			}
		})
	}
	t.Run("spike obeys Retry-After", func(t *testing.T) {
		succeed(t, s, "tenants", "add", "small", "--rate-limit", "100", "--rate-burst", "100")
		waittest.Until(t, "ingest knows the tenant", func() bool {
			status, _ := requestAs(t, strings.TrimPrefix(key, "API_KEY="), "GET", address+"/usage/small", "")
			return status == 200
		})
		status, printed, got := k6(t, address, "spike", key, "TENANT=small", "PEAK=400",
			"DURATION=1s", "CALM=1s")
		if status != 0 || got["limited_answers"].Values["count"] == 0 {
			t.Errorf("exit %d\n%s", status, printed)
		}
	})
	t.Run("the sum notices an event of others", func(t *testing.T) {
		var once atomic.Bool
		address := through(t, address, func(res *http.Response) {
			if res.Request.Method == "POST" && once.CompareAndSwap(false, true) {
				requestAs(t, strings.TrimPrefix(key, "API_KEY="), "POST", address+"/events",
					`{"tenant":"acme-corp","feature":"f","tokens":7}`)
			}
		})
		status, printed, got := k6(t, address, "load", key, "RATE=50", "DURATION=1s")
		if status != k6Missed || got["tokens_missing"].Values["count"] != -7 {
			t.Errorf("exit %d\n%s", status, printed)
		}
	})
	t.Run("a request without an answer counts once", func(t *testing.T) {
		var posts atomic.Int64
		address := through(t, address, func(res *http.Response) {
			if res.Request.Method == "POST" && posts.Add(1)%10 == 0 {
				panic(http.ErrAbortHandler) // ingest has counted the event, and nobody hears of it
			}
		})
		status, printed, got := k6(t, address, "load", key, "RATE=50", "DURATION=1s")
		if status != k6Missed || got["tokens_missing"].Values["count"] != 0 ||
			got["unanswered_events"].Values["count"] != 0 || got["http_req_failed"].Values["rate"] < 0.05 {
			t.Errorf("exit %d\n%s", status, printed)
		}
	})
	t.Run("nothing is judged by usage of another billing period", func(t *testing.T) {
		var posted atomic.Bool
		address := through(t, address, func(res *http.Response) {
			switch {
			case res.Request.Method == "POST":
				posted.Store(true)
			case posted.Load():
				res.Body = io.NopCloser(
					strings.NewReader(`{"totalTokens":5,"periodStart":"2030-01-01T00:00:00Z","stale":false}`))
				res.ContentLength = -1
				res.Header.Del("Content-Length")
			}
		})
		status, printed, got := k6(t, address, "load", key, "RATE=20", "DURATION=1s")
		if status == 0 || got["sum_judged"].Values["count"] != 0 ||
			!strings.Contains(printed, "billing period") {
			t.Errorf("exit %d\n%s", status, printed)
		}
	})
	t.Run("nothing is judged without usage", func(t *testing.T) {
		status, printed, _ := k6(t, address, "load", key, "TENANT=nobody")
		if status != k6Threw || !strings.Contains(printed, "cannot read the usage of nobody: 404") ||
			strings.Contains(printed, "NaN") {
			t.Errorf("exit %d\n%s", status, printed)
		}
	})
}

// through puts a proxy before address, and change sees each answer on its way.
func through(t *testing.T, address string, change func(*http.Response)) string {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(res *http.Response) error {
		change(res)
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}
