package grafana

import (
	"os"
	"testing"

	"github.com/grafana/alloy/syntax/parser"
	"github.com/grafana/alloy/syntax/vm"
)

// alloyConfig is as much of Alloy's documented components as alloy/config.alloy uses, with
// Alloy's own notation of what is required. An argument or block that is not here is refused.
type alloyConfig struct {
	Discovery dockerDiscovery `alloy:"discovery.docker,block"`
	Relabel   relabel         `alloy:"discovery.relabel,block"`
	Source    dockerSource    `alloy:"loki.source.docker,block"`
	Process   process         `alloy:"loki.process,block"`
	Write     write           `alloy:"loki.write,block"`
}

type dockerDiscovery struct {
	Label           string `alloy:",label"`
	Host            string `alloy:"host,attr"`
	RefreshInterval string `alloy:"refresh_interval,attr,optional"`
	Filters         []struct {
		Name   string   `alloy:"name,attr"`
		Values []string `alloy:"values,attr"`
	} `alloy:"filter,block,optional"`
}

type relabel struct {
	Label   string              `alloy:",label"`
	Targets []map[string]string `alloy:"targets,attr"`
	Rules   []struct {
		SourceLabels []string `alloy:"source_labels,attr,optional"`
		TargetLabel  string   `alloy:"target_label,attr,optional"`
	} `alloy:"rule,block,optional"`
}

type dockerSource struct {
	Label     string              `alloy:",label"`
	Host      string              `alloy:"host,attr"`
	Targets   []map[string]string `alloy:"targets,attr"`
	ForwardTo []receiver          `alloy:"forward_to,attr"`
}

type process struct {
	Label     string     `alloy:",label"`
	ForwardTo []receiver `alloy:"forward_to,attr"`
	Stages    []stage    `alloy:"stage,enum,optional"`
}

type write struct {
	Label     string `alloy:",label"`
	Endpoints []struct {
		URL string `alloy:"url,attr"`
	} `alloy:"endpoint,block,optional"`
}

// receiver is what components forward lines to: here, just its name.
type receiver = string

// stage is one step of a line's way; one of its fields is set.
type stage struct {
	JSON      *stageJSON      `alloy:"json,block,optional"`
	Match     *stageMatch     `alloy:"match,block,optional"`
	Regex     *stageRegex     `alloy:"regex,block,optional"`
	Template  *stageTemplate  `alloy:"template,block,optional"`
	Labels    *stageValues    `alloy:"labels,block,optional"`
	Metadata  *stageValues    `alloy:"structured_metadata,block,optional"`
	Timestamp *stageTimestamp `alloy:"timestamp,block,optional"`
}

type stageJSON struct {
	Expressions map[string]string `alloy:"expressions,attr"`
}

type stageMatch struct {
	Selector string  `alloy:"selector,attr"`
	Stages   []stage `alloy:"stage,enum,optional"`
}

type stageRegex struct {
	Expression string `alloy:"expression,attr"`
}

type stageTemplate struct {
	Source   string `alloy:"source,attr"`
	Template string `alloy:"template,attr"`
}

type stageValues struct {
	Values map[string]string `alloy:"values,attr"`
}

type stageTimestamp struct {
	Source          string `alloy:"source,attr"`
	Format          string `alloy:"format,attr"`
	ActionOnFailure string `alloy:"action_on_failure,attr,optional"`
}

// readAlloy evaluates alloy/config.alloy with Alloy's own parser. What the components export
// has values that only tell where they come from.
func readAlloy(t *testing.T) (c alloyConfig) {
	t.Helper()
	const path = "alloy/config.alloy"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(path, content)
	if err != nil {
		t.Fatal(err)
	}
	from := func(name string) []map[string]string { return []map[string]string{{"from": name}} }
	type exports = map[string]any
	scope := &vm.Scope{Variables: map[string]any{
		"discovery": exports{
			"docker":  exports{"stack": exports{"targets": from("discovery.docker")}},
			"relabel": exports{"stack": exports{"output": from("discovery.relabel")}},
		},
		"loki": exports{
			"process": exports{"lines": exports{"receiver": "loki.process"}},
			"write":   exports{"loki": exports{"receiver": "loki.write"}},
		},
	}}
	if err := vm.New(file).Evaluate(scope, &c); err != nil {
		t.Fatal(err)
	}
	return c
}
