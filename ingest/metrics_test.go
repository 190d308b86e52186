package ingest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/eduardosanzb/flagmeter/internal/metricstest"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// metrics are the values that the server publishes.
func (a *api) metrics() map[string]float64 {
	a.Helper()
	return metricstest.Values(a, a.server.registry)
}

func TestMetricsFollowTheEvents(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted(acme(1, ""))
	a.counted("[" + acme(1, `,"id":"one"`) + "," + acme(2, `,"id":"two"`) + "," + acme(2, `,"id":"two"`) + "]") // the last is known before Valkey is asked
	a.counted(acme(1, `,"id":"one"`))
	if r := a.post(jsonType, acme(7, `,"id":"two"`)); r.status != 409 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	got := a.metrics()
	for name, want := range map[string]float64{
		"ingest_events_total": 3, "ingest_seen_ids_total": 2, "ingest_retries_total": 0,
		"ingest_group_events/count": 4, "ingest_group_events/sum": 1 + 2 + 1 + 1,
		"ingest_group_wait_seconds/count": 4, "ingest_call_seconds/count": 5, // what is left of a group asks for the usage
		"http_request_seconds/2xx/POST//events/count": 3, "http_request_seconds/4xx/POST//events/count": 1,
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
	eventually(t, "a call is repeated", func() bool { return a.metrics()["ingest_retries_total"] > 0 })
	if err := env.Stack.Valkey.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := <-answered; r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestTopTenantsAreTheLargestAndNoMore(t *testing.T) {
	env := stacktest.New(t)
	a := newAPI(t, env, func(s *setup) { s.topTenants = 1000 })
	var names []string
	for i := range maxTopTenants + 10 {
		names = append(names, fmt.Sprintf("customer-%02d", i))
	}
	a.addTenants(names...)
	if _, err := env.DB.Exec("UPDATE tenants SET monthly_quota = 400 WHERE name = 'customer-59'"); err != nil {
		t.Fatal(err)
	}
	if err := a.live.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		a.counted(fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":%d}`, name, 100+i))
	}
	look := func() map[string]float64 {
		t.Helper()
		if err := a.server.top.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		return a.metrics()
	}
	got := look()
	if n, err := testutil.GatherAndCount(a.server.registry, "flagmeter_tenant_usage_tokens"); n != maxTopTenants || err != nil {
		t.Errorf("%d tenants, %v; want %d", n, err, maxTopTenants)
	}
	if got["tenant_usage_tokens/customer-59"] != 159 || got["tenant_quota_ratio/customer-59"] != 159.0/400 {
		t.Errorf("the largest: %v tokens, %v of the quota", got["tenant_usage_tokens/customer-59"], got["tenant_quota_ratio/customer-59"])
	}
	if _, ok := got["tenant_quota_ratio/customer-58"]; ok {
		t.Error("a tenant without a quota has a share of it")
	}
	if _, ok := got["tenant_usage_tokens/customer-09"]; ok {
		t.Error("a tenant beyond the cap is published")
	}
	a.counted(`{"tenant":"customer-09","feature":"chat","tokens":5000}`)
	if got := look(); got["tenant_usage_tokens/customer-09"] != 5109 {
		t.Errorf("the new largest: %v", got["tenant_usage_tokens/customer-09"])
	}
	metricstest.Lint(t, a.server.registry)
}

func TestNoTenantIsALabelByDefault(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted(acme(1, `,"id":"some-id"`))
	a.get("/usage/acme")
	a.get("/usage/acme/series")
	for name := range a.metrics() {
		if strings.Contains(name, "acme") || strings.Contains(name, "some-id") {
			t.Errorf("the metric %s names a tenant or an id", name)
		}
	}
}

func TestAProblemNamesTheRequest(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	req, err := http.NewRequestWithContext(t.Context(), "POST", a.url+"/events", strings.NewReader("{"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", jsonType)
	req.Header.Set("X-Request-Id", "mine-1")
	r, err := a.send(req)
	if err != nil || r.status != 400 || r.header.Get("X-Request-Id") != "mine-1" || !strings.Contains(r.body, `"requestId":"mine-1"`) {
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
	eventually(t, "the client is counted", func() bool { return a.metrics()["live_clients"] == 1 })
	if got := a.metrics()["http_requests_in_flight"]; got != 0 {
		t.Errorf("%v requests in flight", got)
	}
	conn.CloseNow()
	eventually(t, "the client is gone", func() bool { return a.metrics()["live_clients"] == 0 })
	if r := a.get("/live"); r.status != 426 {
		t.Fatalf("%d", r.status)
	}
	got := a.metrics()
	if got["http_request_seconds/4xx/GET//live/count"] != 1 || got["http_request_seconds/1xx/GET//live/count"] != 0 {
		t.Errorf("the feed is counted as a request: %v", got)
	}
}

// everySeries is a server of which every route has answered with every class of status, with
// all that a process publishes besides.
func everySeries(tb testing.TB) *api {
	tb.Helper()
	env := stacktest.New(tb)
	a := newAPI(tb, env, func(s *setup) { s.topTenants = maxTopTenants })
	registry := a.server.registry
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewDBStatsCollector(env.DB.DB, "flagmeter"))
	a.valkey.Observe(registry)
	_, routes := a.server.routes()
	for _, rt := range append(routes, route{method: "any", path: "unmatched"}) {
		observed := a.server.observer.Route(rt.method, rt.path)
		for _, status := range []int{200, 302, 400, 500} {
			handler := a.server.observer.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				observed.Takes(w)
				w.WriteHeader(status)
			}))
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}
	}
	var names []string
	for i := range maxTopTenants {
		names = append(names, fmt.Sprintf("customer-%02d", i))
	}
	a.addTenants(names...)
	for _, name := range names {
		a.counted(fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":1}`, name))
	}
	if err := a.server.top.look(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return a
}

// A small Prometheus beside the roles must not be filled by one of them.
func TestSeriesAreFewEvenIfEverythingHasHappened(t *testing.T) {
	a := everySeries(t)
	families, err := a.server.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := metricstest.Series(families)
	t.Logf("%d series", n)
	if n >= 1500 {
		t.Errorf("%d series, want fewer than 1,500", n)
	}
}

// BenchmarkScrape is a scrape of a process in which everything has happened, as Prometheus
// asks for it, without the network.
func BenchmarkScrape(b *testing.B) {
	a := everySeries(b)
	for name, accept := range map[string]string{
		"protobuf": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
		"text":     "text/plain;version=0.0.4",
	} {
		b.Run(name, func(b *testing.B) {
			handler := a.server.Handler()
			r := httptest.NewRequest("GET", "/metrics", nil)
			r.Header.Set("Accept", accept)
			r.Header.Set("Accept-Encoding", "gzip")
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
