package compose_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

const root = "../.."

func load(t *testing.T, file string, profiles ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{root + "/" + file}, cli.WithWorkingDirectory(root),
		cli.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("load %s: %v", file, err)
	}
	return project
}

// checkMounts wants every bind mount to exist, but the engine's own socket.
func checkMounts(t *testing.T, p *types.Project) {
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind || v.Source == "/var/run/docker.sock" {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
			if !v.ReadOnly {
				t.Errorf("%s may write %s", name, v.Source)
			}
		}
	}
}

// checkSettings wants each variable of FlagMeter's own services to be one that it reads.
func checkSettings(t *testing.T, p *types.Project) {
	known := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Config]()) {
		name := f.Tag.Get("env")
		known[name] = true
		if f.Type == reflect.TypeFor[config.Secret]() {
			known[name+"_FILE"] = true
		}
	}
	for name, s := range p.Services {
		if s.Build == nil {
			continue
		}
		for variable := range s.Environment {
			if !known[variable] {
				t.Errorf("%s sets %s, which no role reads", name, variable)
			}
		}
	}
}

func ports(p *types.Project) map[string]string {
	published := map[string]string{}
	for name, s := range p.Services {
		for _, port := range s.Ports {
			published[name] += port.HostIP + ":" + port.Published
		}
	}
	return published
}

func TestProduction(t *testing.T) {
	p := load(t, "docker-compose.yml")
	checkMounts(t, p)
	checkSettings(t, p)
	if got, want := ports(p), map[string]string{"ingest": ":3000",
		"grafana": ":3001"}; !reflect.DeepEqual(got, want) {
		t.Errorf("published are %v, not %v", got, want)
	}
	var memory int64
	once := map[string]bool{"migrate": true, "grants": true, "roles": true}
	healthFromImage := map[string]bool{"ingest": true, "flusher": true, "alerter": true,
		"backup": true}
	bare := map[string]bool{"loki": true, "alloy": true} // no program in the image can ask
	for name, s := range p.Services {
		memory += int64(s.MemLimit)
		if s.MemLimit == 0 {
			t.Errorf("%s has no memory limit", name)
		}
		if !s.ReadOnly || !reflect.DeepEqual(s.CapDrop, []string{"ALL"}) || len(s.SecurityOpt) == 0 {
			t.Errorf("%s is not locked down", name)
		}
		if want := map[bool]string{true: "no", false: "unless-stopped"}[once[name]]; s.Restart != want {
			t.Errorf("%s restarts %q, not %q", name, s.Restart, want)
		}
		if s.StopGracePeriod == nil || healthFromImage[name] &&
			time.Duration(*s.StopGracePeriod) < 35*time.Second {
			t.Errorf("%s has too short a stop_grace_period", name)
		}
		if s.HealthCheck == nil && !once[name] && !healthFromImage[name] && !bare[name] {
			t.Errorf("%s has no health check", name)
		}
		for variable, value := range s.Environment {
			if value != nil && strings.Contains(variable, "PASSWORD") &&
				!strings.HasPrefix(*value, "/run/secrets/") {
				t.Errorf("%s has a literal %s", name, variable)
			}
		}
		for on, d := range s.DependsOn {
			want := types.ServiceConditionHealthy
			if once[on] {
				want = types.ServiceConditionCompletedSuccessfully
			}
			if d.Condition != want {
				t.Errorf("%s waits for %s to be %s, not %s", name, on, d.Condition, want)
			}
		}
	}
	if memory > 2048<<20 {
		t.Errorf("the memory limits are %d MiB in all, more than 2048", memory>>20)
	}
	if !p.Networks["back"].Internal {
		t.Error("the back end's network leads out")
	}
}

// TestNobodyButTheProxyHasDockersSocket: whoever has it is root on the machine.
func TestNobodyButTheProxyHasDockersSocket(t *testing.T) {
	for _, file := range []string{"docker-compose.yml", "compose.dev.yml"} {
		p := load(t, file)
		for name, s := range p.Services {
			for _, v := range s.Volumes {
				if strings.Contains(v.Source, "docker.sock") && name != "dockerproxy" {
					t.Errorf("%s: %s has Docker's socket", file, name)
				}
			}
			if _, reaches := s.Networks["docker"]; reaches && name != "alloy" && name != "dockerproxy" {
				t.Errorf("%s: %s reaches the proxy of Docker's socket", file, name)
			}
		}
		proxy := p.Services["dockerproxy"]
		reads := proxy.Entrypoint[len(proxy.Entrypoint)-1]
		if !slices.ContainsFunc(proxy.Volumes, func(v types.ServiceVolumeConfig) bool {
			return strings.HasSuffix(v.Source, "scripts/compose/dockerproxy.cfg") && v.Target == reads
		}) {
			t.Errorf("%s: the proxy does not run as it is tested: %v", file, proxy.Entrypoint)
		}
		if len(proxy.Networks) != 1 || !p.Networks["docker"].Internal || len(proxy.Ports) > 0 {
			t.Errorf("%s: the proxy can be reached from elsewhere", file)
		}
	}
	if text := read(t, root+"/grafana/alloy/config.alloy"); strings.Contains(text, "docker.sock") ||
		!strings.Contains(text, "tcp://dockerproxy:2375") {
		t.Error("Alloy is not set up for the proxy")
	}
}

// TestEachRoleHasItsOwnAccounts: no two services share the secret of an account.
func TestEachRoleHasItsOwnAccounts(t *testing.T) {
	p := load(t, "docker-compose.yml")
	for name, want := range map[string][]string{"ingest": {"ingest_url", "valkey_ingest_url"},
		"flusher": {"flusher_url", "valkey_flusher_url"},
		"alerter": {"app_url", "valkey_alerter_url"}, "migrate": {"owner_url"}, "backup": {"owner_url"}} {
		var got []string
		for _, secret := range p.Services[name].Secrets {
			got = append(got, secret.Source)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s has the secrets %v, want %v", name, got, want)
		}
	}
}

func TestDevelopment(t *testing.T) {
	p := load(t, "compose.dev.yml", "studio")
	checkMounts(t, p)
	checkSettings(t, p)
	want := map[string]string{"ingest": "127.0.0.1:3000", "grafana": "127.0.0.1:3001",
		"prometheus": "127.0.0.1:9090",
		"postgres":   "127.0.0.1:5432", "valkey": "127.0.0.1:6379", "pgweb": "127.0.0.1:8081"}
	if got := ports(p); !reflect.DeepEqual(got, want) {
		t.Errorf("published are %v, not %v", got, want)
	}
}

// What watches is told on its command line what grafana/doc.go says, and asks services that
// there are, at ports that they have.
func TestObservers(t *testing.T) {
	p := load(t, "docker-compose.yml")
	doc := read(t, root+"/grafana/doc.go")
	for _, name := range []string{"prometheus", "loki", "alloy"} {
		for _, arg := range p.Services[name].Command {
			if !strings.Contains(doc, arg) {
				t.Errorf("grafana/doc.go does not say that %s gets %s", name, arg)
			}
		}
	}
	ports := map[string]string{"ingest": "9100", "flusher": "9101", "alerter": "9102",
		"backup": "9103", "prometheus": "9090", "loki": "3100", "alloy": "12345"}
	text := read(t, root+"/grafana/prometheus/prometheus.yml") +
		read(t, root+"/grafana/alloy/config.alloy") +
		read(t, root+"/grafana/provisioning/datasources/datasources.yml")
	named := regexp.MustCompile(`names: \[(\w+)\], type: A, port: (\d+)|["/](loki|alloy|prometheus):(\d+)`).FindAllStringSubmatch(text, -1)
	if len(named) < 6 {
		t.Fatalf("found only %q", named)
	}
	for _, n := range named {
		host, port := n[1]+n[3], n[2]+n[4]
		if _, ok := p.Services[host]; !ok || ports[host] != port {
			t.Errorf("%s:%s is asked, which is not there", host, port)
		}
	}
	if got := *p.Services["ingest"].Environment["METRICS_ADDR"]; got != ":"+ports["ingest"] {
		t.Errorf("ingest has its metrics at %s", got)
	}
}
