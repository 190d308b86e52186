package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"
)

// TestAlloyIsWired follows the lines from Docker to Loki.
func TestAlloyIsWired(t *testing.T) {
	c := readAlloy(t)
	switch {
	case len(c.Discovery.Filters) != 1 || c.Discovery.Filters[0].Name != "label":
		t.Error("containers of neighbours are read as well")
	case c.Relabel.Targets[0]["from"] != "discovery.docker", c.Source.Targets[0]["from"] != "discovery.relabel":
		t.Error("the containers that are found are not those that are read")
	case !slices.Equal(c.Source.ForwardTo, []receiver{"loki.process"}), !slices.Equal(c.Process.ForwardTo, []receiver{"loki.write"}):
		t.Error("lines do not go through loki.process to loki.write")
	case c.Source.Host != c.Discovery.Host:
		t.Error("two Docker daemons")
	case len(c.Relabel.Rules) != 1 || c.Relabel.Rules[0].TargetLabel != "service":
		t.Errorf("labels of containers: %+v", c.Relabel.Rules)
	}
	if want := fmt.Sprintf("http://loki:%d/loki/api/v1/push", ports["loki"]); c.Write.Endpoints[0].URL != want {
		t.Errorf("lines go to %s, want %s", c.Write.Endpoints[0].URL, want)
	}
}

// shipped is a line as it arrives in Loki.
type shipped struct {
	labels, metadata map[string]string
	at               string // empty: the time of its shipping
}

// TestLinesGetTheirLabels takes lines of each program through the stages.
func TestLinesGetTheirLabels(t *testing.T) {
	tests := []struct {
		service, line, level, requestID, at string
	}{
		{"ingest", `{"time":"2026-03-09T14:00:00.123456789Z","level":"ERROR","msg":"m","request_id":"r-1"}`, "error", "r-1", "2026-03-09T14:00:00.123456789Z"},
		{"flusher", `{"time":"2026-03-09T14:00:00Z","level":"INFO","msg":"m"}`, "info", "", "2026-03-09T14:00:00Z"},
		{"flusher", `{"level":"WARN"}`, "warn", "", ""},
		{"ingest", `{"level":"a level for each line"}`, "info", "", ""},
		{"ingest", `panic: runtime error`, "info", "", ""},
		{"postgres", "2026-03-09 14:00:00.000 UTC [7] ERROR:  relation \"x\" does not exist", "error", "", ""},
		{"postgres", "2026-03-09 14:00:00.000 UTC [7] FATAL:  the database system is starting up", "error", "", ""},
		{"postgres", "2026-03-09 14:00:00.000 UTC [7] WARNING:  x", "warn", "", ""},
		{"postgres", "2026-03-09 14:00:00.000 UTC [7] LOG:  checkpoint starting: time", "info", "", ""},
		{"postgres", "\tcontinued", "info", "", ""},
		{"valkey", "1:M 09 Mar 2026 14:00:00.000 # WARNING Memory overcommit must be enabled", "warn", "", ""},
		{"valkey", "1:M 09 Mar 2026 14:00:00.000 * Ready to accept connections tcp", "info", "", ""},
	}
	c := readAlloy(t)
	for _, tt := range tests {
		got := shipped{labels: map[string]string{"service": tt.service}, metadata: map[string]string{}}
		if err := got.run(c.Process.Stages, tt.line, map[string]any{}); err != nil {
			t.Errorf("%s: %v", tt.line, err)
		}
		if want := map[string]string{"service": tt.service, "level": tt.level}; !maps.Equal(got.labels, want) {
			t.Errorf("%s: labels %v, want %v", tt.line, got.labels, want)
		}
		if got.metadata["request_id"] != tt.requestID || got.at != tt.at {
			t.Errorf("%s: %+v", tt.line, got)
		}
	}
}

// run does what loki.process documents of these stages.
func (s *shipped) run(stages []stage, line string, values map[string]any) error {
	for _, stage := range stages {
		switch {
		case stage.JSON != nil:
			var object map[string]any
			if json.Unmarshal([]byte(line), &object) != nil {
				continue // drop_malformed is false
			}
			for name, path := range stage.JSON.Expressions {
				if v, is := object[orName(path, name)]; is {
					values[name] = v
				}
			}
		case stage.Match != nil:
			if stage.Match.Selector == fmt.Sprintf(`{service=%q}`, s.labels["service"]) {
				if err := s.run(stage.Match.Stages, line, values); err != nil {
					return err
				}
			}
		case stage.Regex != nil:
			expression, err := regexp.Compile(stage.Regex.Expression)
			if err != nil {
				return err
			}
			for i, text := range expression.FindStringSubmatch(line) {
				if name := expression.SubexpNames()[i]; name != "" {
					values[name] = text
				}
			}
		case stage.Template != nil:
			tpl, err := template.New("").Funcs(template.FuncMap{"ToLower": strings.ToLower}).Parse(stage.Template.Template)
			if err != nil {
				return err
			}
			var text bytes.Buffer
			if err := tpl.Execute(&text, values); err != nil {
				return err
			}
			values[stage.Template.Source] = text.String()
		case stage.Labels != nil:
			take(s.labels, stage.Labels.Values, values)
		case stage.Metadata != nil:
			take(s.metadata, stage.Metadata.Values, values)
		case stage.Timestamp != nil:
			text, _ := values[stage.Timestamp.Source].(string)
			if _, err := time.Parse(time.RFC3339Nano, text); err == nil && stage.Timestamp.Format == "RFC3339Nano" {
				s.at = text
			}
		}
	}
	return nil
}

func take(into, names map[string]string, values map[string]any) {
	for name, source := range names {
		if v, is := values[orName(source, name)]; is {
			into[name] = fmt.Sprint(v)
		}
	}
}

// orName is the source of a value: the same name, if it is empty.
func orName(source, name string) string {
	if source == "" {
		return name
	}
	return source
}
