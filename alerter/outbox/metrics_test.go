package outbox_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/alerter"
	"github.com/eduardosanzb/flagmeter/alerter/outbox"
	"github.com/eduardosanzb/flagmeter/test/kit/metricstest"
)

func TestMetricsFollowTheDeliveries(t *testing.T) {
	w := newWorld(t)
	registry := prometheus.NewRegistry()
	a := w.alerter(func(o *outbox.Options) { o.Registerer = registry })
	a.outbox.SetBreakerPause(time.Hour) // real time, which does not pass here
	reached, goOn := make(chan struct{}, outbox.BreakerTrips), make(chan struct{})
	silent := w.Endpoint(func(http.ResponseWriter, *http.Request) {
		reached <- struct{}{}
		<-goOn
		panic(http.ErrAbortHandler)
	})
	for i := range outbox.BreakerTrips {
		name := fmt.Sprintf("a%d", i)
		w.AddTenant(name, 900, 1000, 80)
		w.Exec("INSERT INTO webhooks (tenant, url) VALUES ($1, $2)", name, silent.URL+"/"+name)
	}
	want := func(when string, want map[string]float64) {
		t.Helper()
		got := metricstest.Values(t, registry)
		maps.DeleteFunc(got, func(name string, _ float64) bool { _, asked := want[name]; return !asked })
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	want("at first", map[string]float64{"alerter_tenants_looked_at_total": 0,
		"alerter_breakers/closed": 0, "alerter_breakers/open": 0, "alerter_breakers/half-open": 0,
		"alerter_deliveries_total/retried": 0, "alerter_deliveries_in_flight": 0,
		"alerter_tick_duration_seconds/count": 0, "alerter_delivery_duration_seconds/count": 0})
	ended := make(chan alerter.Result, 1)
	go func() { ended <- w.run(a) }()
	for range outbox.BreakerTrips {
		<-reached
	}
	want("in flight", map[string]float64{"alerter_deliveries_in_flight": outbox.BreakerTrips,
		"alerter_alerts_fired_total":      outbox.BreakerTrips,
		"alerter_tenants_looked_at_total": outbox.BreakerTrips})
	close(goOn)
	if r := <-ended; r.Retried != outbox.BreakerTrips {
		t.Fatalf("got %+v", r)
	}
	want("nobody answers", map[string]float64{"alerter_breakers/closed": 0, "alerter_breakers/open": 1,
		"alerter_breakers/half-open": 0, "alerter_deliveries_in_flight": 0,
		"alerter_deliveries_total/retried":    outbox.BreakerTrips,
		"alerter_pending_deliveries":          outbox.BreakerTrips,
		"alerter_tick_duration_seconds/count": 1, "alerter_delivery_duration_seconds/count": 0})

	w.AddTenant("zeta", 900, 1000, 80)
	w.AddSlack("zeta", "/z")
	w.run(a)
	want("one is delivered", map[string]float64{"alerter_deliveries_total/delivered": 1,
		"alerter_delivery_duration_seconds/count": 1,
		// as of the comparison, before it was delivered
		"alerter_tenants_looked_at_total":     2*outbox.BreakerTrips + 1,
		"alerter_tick_duration_seconds/count": 2,
		"alerter_pending_deliveries":          outbox.BreakerTrips + 1})
}
