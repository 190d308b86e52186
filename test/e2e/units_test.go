package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/unit"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

const (
	units     = root + "/docs/systemd"
	installed = "/usr/local/bin/flagmeter"
)

// readUnit reads a file of docs/systemd, with what all services share in front.
func readUnit(t *testing.T, name string) (options []*unit.UnitOption) {
	t.Helper()
	for _, path := range []string{"flagmeter-.service.d/common.conf", name} {
		content, err := os.ReadFile(filepath.Join(units, path))
		if err != nil {
			t.Fatal(err)
		}
		one, err := unit.DeserializeOptions(strings.NewReader(string(content)))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		options = append(options, one...)
	}
	return options
}

// services are the names of the service files.
func services(t *testing.T) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(units + "/*.service")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no services: %v", err)
	}
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	return names
}

func TestServicesOfSystemd(t *testing.T) {
	example, err := os.ReadFile(root + "/.env.example")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(
		`(?m)^#?([A-Z_]+)=`).FindAllStringSubmatch(string(example), -1) {
		known[m[1]], known[m[1]+"_FILE"] = true, true
	}
	defaults, err := config.Load(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range services(t) {
		t.Run(name, func(t *testing.T) {
			var runs, listens, loopback bool
			credentials := map[string]bool{}
			for _, o := range readUnit(t, name) {
				switch o.Name {
				case "ExecStart":
					program, arguments, _ := strings.Cut(o.Value, " ")
					runs = program == installed
					listens = arguments == "flusher" || arguments == "alerter" ||
						strings.Contains(arguments, "--schedule")
					status, _, stderr := execute(t, settings{}, append(strings.Fields(arguments), "--help")...)
					if status != 0 {
						t.Errorf("%s: exit status %d: %s", o.Value, status, stderr)
					}
				case "LoadCredential":
					id, _, _ := strings.Cut(o.Value, ":")
					credentials[id] = true
				case "Environment":
					variable, value, _ := strings.Cut(o.Value, "=")
					if !known[variable] {
						t.Errorf("%s is no setting", variable)
					}
					if host, _, err := net.SplitHostPort(value); variable == "METRICS_ADDR" && err == nil {
						loopback = config.IsLoopback(host)
					}
					if id, ok := strings.CutPrefix(value, "%d/"); ok && !credentials[id] {
						t.Errorf("%s: nothing loads %s before", o.Value, id)
					}
				case "TimeoutStopSec":
					limit, err := time.ParseDuration(o.Value)
					if err != nil || limit < defaults.DrainTime+25*time.Second {
						t.Errorf("TimeoutStopSec=%s is less than DRAIN_TIME (%s) + 25 s", o.Value, defaults.DrainTime)
					}
				}
			}
			if !runs {
				t.Errorf("it does not run %s", installed)
			}
			if listens && !loopback {
				t.Error("it serves metrics to whoever reaches the machine: METRICS_ADDR is not on loopback")
			}
		})
	}
}

// TestSystemdTakesTheUnits asks systemd-analyze, where there is one.
func TestSystemdTakesTheUnits(t *testing.T) {
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(units)); err != nil {
		t.Fatal(err)
	}
	analyze := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
		if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), dir) {
			t.Errorf("systemd-analyze %s: %v\n%s", args, err, out)
		}
	}
	var all []string
	for _, name := range services(t) {
		path := filepath.Join(dir, name)
		all = append(all, path)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(content), installed, "/bin/true")),
			0o600); err != nil {
			t.Fatal(err)
		}
		// Of 100: the lower, the less it may do. It is 12 to 14.
		analyze("security", "--offline=true", "--no-pager", "--threshold=15", name)
	}
	if _, err := os.Stat("/lib/systemd/system/valkey-server.service"); err == nil {
		all = append(all, "valkey-server.service") // Debian's, with our drop-in
	}
	analyze(append([]string{"verify", filepath.Join(dir, "flagmeter-ingest.socket"),
		filepath.Join(dir, "flagmeter-backup.timer")}, all...)...)
}

// TestValkeyIsMendedBeforeItStarts holds the drop-in for Debian's unit, which lets the unit run
// nothing else but Valkey, against the guide.
func TestValkeyIsMendedBeforeItStarts(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(units, "valkey-server.service.d/flagmeter.conf"))
	if err != nil {
		t.Fatal(err)
	}
	options, err := unit.DeserializeOptions(strings.NewReader(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, o := range options {
		said[o.Name] = o.Value
	}
	guide, err := os.ReadFile(root + "/docs/DEPLOY.md")
	if err != nil {
		t.Fatal(err)
	}
	command := strings.Fields(said["ExecStartPre"])
	if len(command) != 3 ||
		!strings.Contains(string(guide), "scripts/compose/mend-aof.sh "+command[1]+"\n") {
		t.Errorf("the guide does not install what runs before Valkey: %q", command)
	}
	for _, program := range []string{command[0], "/usr/bin/valkey-check-aof"} {
		if !slices.Contains(strings.Fields(said["ExecPaths"]), program) {
			t.Errorf("the unit may not run %s", program)
		}
	}
}
