package alerter

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// published are the values of a registry by name and label, histograms by their count.
func published(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := strings.TrimPrefix(f.GetName(), "flagmeter_alerter_")
			for _, l := range m.Label {
				name += "/" + l.GetValue()
			}
			all[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount()) // two are nil
		}
	}
	return all
}

func TestMetricsFollowTheDeliveries(t *testing.T) {
	w := newWorld(t)
	registry := prometheus.NewRegistry()
	a := w.alerter(func(o *Options) { o.Registerer = registry })
	a.breakers.pause = time.Hour // real time, which does not pass here
	reached, goOn := make(chan struct{}, breakerTrips), make(chan struct{})
	silent := w.endpoint(func(http.ResponseWriter, *http.Request) {
		reached <- struct{}{}
		<-goOn
		panic(http.ErrAbortHandler)
	})
	for i := range breakerTrips {
		name := fmt.Sprintf("a%d", i)
		w.tenant(name, 900, 1000, 80)
		w.exec("INSERT INTO webhooks (tenant, url) VALUES ($1, $2)", name, silent.URL+"/"+name)
	}
	want := func(when string, want map[string]float64) {
		t.Helper()
		got := published(t, registry)
		maps.DeleteFunc(got, func(name string, _ float64) bool { _, asked := want[name]; return !asked })
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	want("at first", map[string]float64{"tenants_looked_at_total": 0, "breakers/closed": 0, "breakers/open": 0, "breakers/half-open": 0,
		"deliveries_total/retried": 0, "deliveries_in_flight": 0, "tick_duration_seconds": 0, "delivery_duration_seconds": 0})
	ended := make(chan Result, 1)
	go func() { ended <- w.run(a) }()
	for range breakerTrips {
		<-reached
	}
	want("in flight", map[string]float64{"deliveries_in_flight": breakerTrips, "alerts_fired_total": breakerTrips, "tenants_looked_at_total": breakerTrips})
	close(goOn)
	if r := <-ended; r.Retried != breakerTrips {
		t.Fatalf("got %+v", r)
	}
	want("nobody answers", map[string]float64{"breakers/closed": 0, "breakers/open": 1, "breakers/half-open": 0, "deliveries_in_flight": 0,
		"deliveries_total/retried": breakerTrips, "pending_deliveries": breakerTrips, "tick_duration_seconds": 1, "delivery_duration_seconds": 0})

	w.tenant("zeta", 900, 1000, 80)
	w.webhook("zeta", "/z")
	w.run(a)
	want("one is delivered", map[string]float64{"deliveries_total/delivered": 1, "delivery_duration_seconds": 1,
		"tenants_looked_at_total": 2*breakerTrips + 1, "tick_duration_seconds": 2, "pending_deliveries": breakerTrips + 1}) // as of the comparison, before it was delivered
}
