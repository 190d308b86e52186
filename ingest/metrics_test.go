package ingest

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// metrics are the values that the server publishes.
func (a *api) metrics() map[string]float64 {
	a.Helper()
	return metricstest.Values(a, a.server.registry)
}

func TestMetricsFollowTheEvents(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted(acme(1, ""))
	// the last is known before Valkey is asked
	a.counted("[" + acme(1, `,"id":"one"`) + "," + acme(2, `,"id":"two"`) + "," +
		acme(2, `,"id":"two"`) + "]")
	a.counted(acme(1, `,"id":"one"`))
	if r := a.post(jsonType, acme(7, `,"id":"two"`)); r.status != 409 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	got := a.metrics()
	for name, want := range map[string]float64{
		"ingest_events_total": 3, "ingest_seen_ids_total": 2, "ingest_retries_total": 0,
		"ingest_group_events/count": 4, "ingest_group_events/sum": 1 + 2 + 1 + 1,
		// what is left of a group asks for the usage
		"ingest_group_wait_seconds/count": 4, "ingest_call_seconds/count": 5,
		"http_request_seconds/2xx/POST//events/count": 3,
		"http_request_seconds/4xx/POST//events/count": 1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if got["ingest_group_wait_seconds/sum"] > got["http_request_seconds/2xx/POST//events/sum"]+got["http_request_seconds/4xx/POST//events/sum"] ||
		got["ingest_group_wait_seconds/sum"] <= 0 {
		t.Errorf("requests waited %v s", got["ingest_group_wait_seconds/sum"])
	}
	metricstest.Lint(t, a.server.registry)
}

func TestTheAgeOfTheKeysOfTokensIsPublished(t *testing.T) {
	jwks := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(jwks, []byte(`{"keys":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*setup)
		used   bool
	}{
		"with a set":     {func(s *setup) { s.auth, s.jwks = true, jwks }, true},
		"without one":    {func(s *setup) { s.auth = true }, false},
		"without a gate": {func(*setup) {}, false},
	} {
		got := newAPI(t, stacktest.New(t), c.change).metrics()
		if age, ok := got["auth_jwks_age_seconds"]; !ok || (age > 0) != c.used {
			t.Errorf("%s: %v, %v", name, age, ok)
		}
	}
}

func TestRetriesAreCounted(t *testing.T) {
	env := stacktest.Own(t)
	a := newAPI(t, env)
	env.Stack.Valkey.Kill()
	answered := make(chan response, 1)
	go func() {
		r, _ := a.do("POST", "/events", jsonType, strings.NewReader(acme(1, "")))
		answered <- r
	}()
	waittest.Until(t, "a call is repeated", func() bool {
		return a.metrics()["ingest_retries_total"] > 0
	})
	if err := env.Stack.Valkey.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := <-answered; r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestAProblemNamesTheRequest(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	req, err := http.NewRequestWithContext(t.Context(), "POST", a.url+"/events",
		strings.NewReader("{"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", jsonType)
	req.Header.Set("X-Request-Id", "mine-1")
	r, err := a.send(req)
	if err != nil || r.status != 400 || r.header.Get("X-Request-Id") != "mine-1" ||
		!strings.Contains(r.body, `"requestId":"mine-1"`) {
		t.Errorf("%d %v %s, %v", r.status, r.header, r.body, err)
	}
	// Every answer has one, also of what is no route.
	for _, path := range []string{"/healthz", "/usage", "/nowhere"} {
		if id := a.get(path).header.Get("X-Request-Id"); len(id) != 16 {
			t.Errorf("GET %s has the id %q", path, id)
		}
	}
}

func TestTheLiveFeedIsCountedAsAClientAndNotAsARequest(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	conn, _, err := websocket.Dial(t.Context(), a.url+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	waittest.Until(t, "the client is counted", func() bool { return a.metrics()["live_clients"] == 1 })
	if got := a.metrics()["http_requests_in_flight"]; got != 0 {
		t.Errorf("%v requests in flight", got)
	}
	conn.CloseNow()
	waittest.Until(t, "the client is gone", func() bool { return a.metrics()["live_clients"] == 0 })
	if r := a.get("/live"); r.status != 426 {
		t.Fatalf("%d", r.status)
	}
	got := a.metrics()
	if got["http_request_seconds/4xx/GET//live/count"] != 1 ||
		got["http_request_seconds/1xx/GET//live/count"] != 0 {
		t.Errorf("the feed is counted as a request: %v", got)
	}
}
