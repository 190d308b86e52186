package ingest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestTopTenantsAreTheLargestAndNoMore(t *testing.T) {
	env := stacktest.New(t)
	a := newAPI(t, env, func(s *setup) { s.topTenants = 1000 })
	var names []string
	for i := range maxTopTenants + 10 {
		names = append(names, fmt.Sprintf("customer-%02d", i))
	}
	a.addTenants(names...)
	if _, err := env.DB.Exec("UPDATE tenants SET monthly_quota = 400 WHERE name = " +
		"'customer-59'"); err != nil {
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
		if err := a.server.top.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		return a.metrics()
	}
	got := look()
	if n, err := testutil.GatherAndCount(a.server.registry,
		"flagmeter_tenant_usage_tokens"); n != maxTopTenants || err != nil {
		t.Errorf("%d tenants, %v; want %d", n, err, maxTopTenants)
	}
	if got["tenant_usage_tokens/customer-59"] != 159 ||
		got["tenant_quota_ratio/customer-59"] != 159.0/400 {
		t.Errorf("the largest: %v tokens, %v of the quota", got["tenant_usage_tokens/customer-59"],
			got["tenant_quota_ratio/customer-59"])
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

// everySeries is a server of which every route has answered with every class of status, with
// all that a process publishes besides.
func everySeries(tb testing.TB) *api {
	tb.Helper()
	env := stacktest.New(tb)
	a := newAPI(tb, env, func(s *setup) { s.topTenants = maxTopTenants })
	registry := a.server.registry
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewDBStatsCollector(env.DB.DB, "flagmeter"))
	a.valkey.Observe(registry)
	routes := a.server.table()
	for _, rt := range append(routes, route{method: "any", path: "unmatched"}) {
		observed := a.server.observer.Route(rt.method, rt.path)
		for _, status := range []int{200, 302, 400, 500} {
			handler := a.server.observer.Handler(http.HandlerFunc(func(w http.ResponseWriter,
				_ *http.Request) {
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
	if err := a.server.top.refresh(tb.Context()); err != nil {
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
