package grafana

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// ports are where the programs of the stack listen, by service.
var ports = map[string]int{"ingest": 9100, "flusher": 9101, "alerter": 9102, "backup": 9103, "prometheus": 9090, "loki": 3100, "alloy": 12345, "postgres": 5432}

// scrapeConfig is prometheus/prometheus.yml.
type scrapeConfig struct {
	Global struct {
		ScrapeInterval     string `yaml:"scrape_interval"`
		ScrapeTimeout      string `yaml:"scrape_timeout"`
		EvaluationInterval string `yaml:"evaluation_interval"`
	}
	RuleFiles     []string    `yaml:"rule_files"`
	ScrapeConfigs []scrapeJob `yaml:"scrape_configs"`
}

type scrapeJob struct {
	Name   string         `yaml:"job_name"`
	DNS    []dnsTargets   `yaml:"dns_sd_configs,omitempty"`
	Static []staticTarget `yaml:"static_configs,omitempty"`
}

type dnsTargets struct {
	Names           []string
	Type            string
	Port            int
	RefreshInterval string `yaml:"refresh_interval"`
}

type staticTarget struct{ Targets []string }

// TestEveryRoleIsScraped looks for each role at its port, and for the interval that Grafana's
// source of Prometheus is told.
func TestEveryRoleIsScraped(t *testing.T) {
	var c scrapeConfig
	readYAML(t, "prometheus/prometheus.yml", &c)
	found := map[string]bool{}
	for _, job := range c.ScrapeConfigs {
		found[job.Name] = true
		for _, d := range job.DNS {
			if !slices.Equal(d.Names, []string{job.Name}) || d.Type != "A" || d.Port != ports[job.Name] {
				t.Errorf("job %s: %+v, want port %d", job.Name, d, ports[job.Name])
			}
		}
		for _, s := range job.Static {
			for _, address := range s.Targets {
				if want := fmt.Sprintf(":%d", ports[job.Name]); !strings.HasSuffix(address, want) {
					t.Errorf("job %s: %s, want port %s", job.Name, address, want)
				}
			}
		}
	}
	for _, role := range []string{"ingest", "flusher", "alerter", "backup", "prometheus", "loki", "alloy"} {
		if !found[role] {
			t.Errorf("%s is not scraped", role)
		}
	}
	for _, s := range provisionedSources(t) {
		if s.UID == "prometheus" && s.JSONData["timeInterval"] != c.Global.ScrapeInterval {
			t.Errorf("Grafana is told an interval of %v, it is %s", s.JSONData["timeInterval"], c.Global.ScrapeInterval)
		}
	}
}

// provisioned is an entry of provisioning/datasources; the fields are those of Grafana's
// documentation.
type provisioned struct {
	Name, UID, Type, Access, URL, User string
	IsDefault                          bool           `yaml:"isDefault"`
	Editable                           bool           `yaml:"editable"`
	JSONData                           map[string]any `yaml:"jsonData"`
	SecureJSONData                     map[string]any `yaml:"secureJsonData"`
}

func provisionedSources(t *testing.T) []provisioned {
	t.Helper()
	var file struct {
		Version     int `yaml:"apiVersion"`
		Prune       bool
		Datasources []provisioned
	}
	readYAML(t, "provisioning/datasources/datasources.yml", &file)
	if file.Version != 1 {
		t.Errorf("apiVersion %d", file.Version)
	}
	return file.Datasources
}

// TestProvisioning wants each source that dashboards ask, with the uid and type that they
// know, and no secret in the file.
func TestProvisioning(t *testing.T) {
	byUID := map[string]provisioned{}
	for _, s := range provisionedSources(t) {
		byUID[s.UID] = s
		for name, value := range s.SecureJSONData {
			if text, _ := value.(string); !strings.HasPrefix(text, "$GRAFANA_") {
				t.Errorf("%s: %s is not taken from the environment", s.Name, name)
			}
		}
	}
	for kind, want := range sources {
		s := byUID[want.uid]
		if s.Type != kind || s.Access != "proxy" || s.Editable {
			t.Errorf("source %s: %+v", want.uid, s)
		}
		if address := fmt.Sprintf("http://%s:%d", want.uid, ports[want.uid]); kind != postgresSource && s.URL != address {
			t.Errorf("source %s is at %s, want %s", want.uid, s.URL, address)
		}
	}
	if len(byUID) != len(sources) {
		t.Errorf("%d sources, want %d", len(byUID), len(sources))
	}
	var file struct {
		Version   int `yaml:"apiVersion"`
		Providers []struct {
			Name, Folder, Type    string
			OrgID                 int    `yaml:"orgId"`
			FolderUID             string `yaml:"folderUid"`
			DisableDeletion       bool   `yaml:"disableDeletion"`
			AllowUIUpdates        bool   `yaml:"allowUiUpdates"`
			UpdateIntervalSeconds int    `yaml:"updateIntervalSeconds"`
			Options               struct{ Path string }
		}
	}
	readYAML(t, "provisioning/dashboards/dashboards.yml", &file)
	if len(file.Providers) != 1 || file.Providers[0].AllowUIUpdates || file.Providers[0].Options.Path != "/etc/grafana/dashboards" {
		t.Errorf("providers: %+v", file.Providers)
	}
}

// TestMountsAreDocumented finds each file of this folder in doc.go.
func TestMountsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"prometheus/prometheus.yml", "prometheus/rules/", "loki/loki.yml", "alloy/config.alloy", "provisioning/", "dashboards/"} {
		if _, err := os.Stat(path); err != nil || !strings.Contains(string(doc), "//\t"+path) {
			t.Errorf("%s: %v, or not in doc.go", path, err)
		}
	}
}
