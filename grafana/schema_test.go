package grafana

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/barchart"
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/logs"
	"github.com/grafana/grafana-foundation-sdk/go/loki"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// TestDashboardsFollowGrafanasSchema decodes them with Grafana's own types, the options of
// each panel and the queries of Prometheus and Loki included: no field may be unknown or
// missing. A query of the Postgres source has no type there.
func TestDashboardsFollowGrafanasSchema(t *testing.T) {
	known := cog.NewRuntime()
	known.RegisterPanelcfgVariant(barchart.VariantConfig())
	known.RegisterPanelcfgVariant(bargauge.VariantConfig())
	known.RegisterPanelcfgVariant(logs.VariantConfig())
	known.RegisterPanelcfgVariant(stat.VariantConfig())
	known.RegisterPanelcfgVariant(statetimeline.VariantConfig())
	known.RegisterPanelcfgVariant(table.VariantConfig())
	known.RegisterPanelcfgVariant(timeseries.VariantConfig())
	known.RegisterDataqueryVariant(loki.VariantConfig())
	known.RegisterDataqueryVariant(prometheus.VariantConfig())
	paths, err := filepath.Glob("dashboards/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if complaints := strictly(content); complaints != "" {
			t.Errorf("%s:\n%s", path, complaints)
		}
		for _, b := range []struct{ good, bad string }{
			{`"reduceOptions"`, `"reduseOptions"`}, {`"fillOpacity"`, `"fillOpazity"`}, {`"wrapLogMessage": true`, `"wrapLogMessage": 1`},
		} {
			if broken := strings.Replace(string(content), b.good, b.bad, 1); broken != string(content) && strictly([]byte(broken)) == "" {
				t.Errorf("%s: %s is not noticed", path, b.bad)
			}
		}
	}
}

// strictly returns what is wrong with a dashboard. The types return an error without text
// when nothing is.
func strictly(content []byte) string {
	//lint:ignore SA1019 version 1 is what a file can be provisioned as in every Grafana from 11 on
	if err := new(sdk.Dashboard).UnmarshalJSONStrict(content); err != nil {
		return err.Error()
	}
	return ""
}
