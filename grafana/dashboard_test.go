package grafana

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dashboard is as much of Grafana's format as the tests look at.
type dashboard struct {
	UID, Title, Description, Refresh string
	Tags                             []string
	SchemaVersion                    int
	Editable                         bool
	Templating                       struct{ List []variable }
	Panels                           []panel
}

type variable struct {
	Name, Label, Type, AllValue string
	Query                       any // a text, or an object with one
	Datasource                  source
	Current                     struct{ Value any }
	Multi, IncludeAll           bool
	Refresh                     int
}

type source struct{ Type, UID string }

type panel struct {
	ID                             int
	Type, Title, Description       string
	GridPos                        struct{ X, Y, W, H int }
	Datasource                     source
	Interval                       string
	Targets                        []target
	FieldConfig                    fieldConfig
	Panels                         []panel // of a collapsed row
	Transformations, Alert, Repeat any
}

type fieldConfig struct {
	Defaults struct {
		Unit       string
		NoValue    string
		Mappings   []any
		Min, Max   *float64
		Thresholds struct {
			Steps []struct {
				Color string
				Value *float64
			}
		}
	}
	Overrides []struct {
		Matcher    struct{ ID, Options string }
		Properties []struct {
			ID    string
			Value any
		}
	}
}

type target struct {
	RefID, Expr, RawSQL, Format, LegendFormat, QueryType string
	Instant, RawQuery                                    bool
	Datasource                                           source
}

// The kinds of data sources.
const (
	prometheusSource = "prometheus"
	lokiSource       = "loki"
	postgresSource   = "grafana-postgresql-datasource"
)

// dashboards reads all of them, by file name.
func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	paths, err := filepath.Glob("dashboards/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	all := map[string]dashboard{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(content, &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[filepath.Base(path)] = d
	}
	return all
}

// queries are the panels that ask a data source of a kind, each with its targets.
func (d dashboard) queries(kind string) (asking []panel) {
	for _, p := range d.Panels {
		if p.Datasource.Type == kind {
			asking = append(asking, p)
		}
	}
	return asking
}

// variable returns the variable of that name; its Name is empty if there is none.
func (d dashboard) variable(name string) variable {
	for _, v := range d.Templating.List {
		if v.Name == name {
			return v
		}
	}
	return variable{}
}

// text is what a query variable asks.
func (v variable) text() string {
	switch q := v.Query.(type) {
	case string:
		return q
	case map[string]any:
		text, _ := q["query"].(string)
		return text
	}
	return ""
}

// unit is the unit of a panel's values: that of all, or of some column.
func (p panel) unit() string {
	if p.FieldConfig.Defaults.Unit != "" {
		return p.FieldConfig.Defaults.Unit
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if unit, ok := property.Value.(string); ok && property.ID == "unit" {
				return unit
			}
		}
	}
	return ""
}

// is reports whether the panel is one of the types, given with spaces between.
func (p panel) is(types string) bool {
	return strings.Contains(" "+types+" ", " "+p.Type+" ")
}
