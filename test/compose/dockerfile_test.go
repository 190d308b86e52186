package compose_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is one of a Dockerfile, with the stage it is in.
type instruction struct{ stage, name, rest string }

// dockerfile reads the instructions of a Dockerfile: comments are dropped, continued lines joined.
func dockerfile(t *testing.T, path string) []instruction {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAll(text, nil)
	var all []instruction
	stage := ""
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", "")) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		if name == "FROM" {
			stage = rest[strings.LastIndex(rest, " ")+1:]
		}
		all = append(all, instruction{stage, name, rest})
	}
	return all
}

func TestDockerfile(t *testing.T) {
	all := dockerfile(t, root+"/Dockerfile")
	stages := map[string]map[string]string{}
	var order []string
	for _, it := range all {
		if it.name == "FROM" {
			base, _, _ := strings.Cut(it.rest, " ")
			stages[it.stage] = map[string]string{"FROM": base}
			for name, value := range stages[base] { // what a stage inherits
				if name != "FROM" {
					stages[it.stage][name] = value
				}
			}
			order = append(order, it.stage)
			if _, ours := stages[base]; !ours && base != "scratch" && !strings.Contains(base, ":") {
				t.Errorf("stage %s stands on %s, which names no version", it.stage, base)
			}
			continue
		}
		stages[it.stage][it.name] = it.rest
		if it.name == "COPY" && !strings.HasPrefix(it.rest, "--from") {
			for _, source := range strings.Fields(it.rest)[:len(strings.Fields(it.rest))-1] {
				if _, err := os.Stat(filepath.Join(root, source)); err != nil {
					t.Errorf("stage %s copies what is not there: %v", it.stage, err)
				}
			}
		}
	}
	if last := order[len(order)-1]; last != "ingest" {
		t.Errorf("without a target one gets %s, not ingest", last)
	}
	program := built(t)
	for _, role := range []string{"ingest", "flusher", "alerter", "migrate", "backup"} {
		s := stages[role]
		if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(s["USER"]) {
			t.Errorf("%s runs as %q", role, s["USER"])
		}
		if s["ENTRYPOINT"] != `["/flagmeter"]` || s["CMD"] != `["`+role+`"]` {
			t.Errorf("%s runs %s %s", role, s["ENTRYPOINT"], s["CMD"])
		}
		health, ok := strings.CutPrefix(s["HEALTHCHECK"][strings.Index(s["HEALTHCHECK"], "CMD")+1:],
			"MD ")
		if role == "migrate" {
			continue
		}
		var argv []string
		if err := json.Unmarshal([]byte(health), &argv); !ok || err != nil || argv[0] != "/flagmeter" {
			t.Errorf("%s has the health check %q", role, s["HEALTHCHECK"])
			continue
		}
		// Nobody listens: 1, and a command line that makes no sense would be 2.
		cmd := exec.CommandContext(t.Context(), program, argv[1:]...)
		cmd.Env = []string{"LISTEN_ADDR=127.0.0.1:1", "METRICS_ADDR=127.0.0.1:1"}
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: %v ends with %d: %s", role, argv, cmd.ProcessState.ExitCode(), out)
		}
	}
}

// The image's weight is the binary's: the runtime has nothing else but CA certificates of
// some 250 kB.
func TestImageIsSmall(t *testing.T) {
	var build string
	for _, it := range dockerfile(t, root+"/Dockerfile") {
		if it.stage == "build" && it.name == "RUN" && strings.Contains(it.rest, "go build") {
			build = it.rest
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "flagmeter")
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", strings.ReplaceAll(build, "-o /flagmeter",
		"-buildvcs=false -o "+path))
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "VERSION=v9.8.7", "COMMIT=abc")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the binary has %d bytes", info.Size())
	if info.Size() >= 25_000_000-300_000 {
		t.Errorf("the binary has %d bytes: the image would be larger than 25 MB", info.Size())
	}
	// No interpreter: a dynamic binary does not start in an image without libraries.
	out, err := exec.CommandContext(t.Context(), "go", "version", "-m", path).Output()
	if err != nil || !strings.Contains(string(out), "CGO_ENABLED=0") ||
		!strings.Contains(string(out), "-trimpath=true") {
		t.Errorf("built with %s, %v", out, err)
	}
	version, err := exec.CommandContext(t.Context(), path, "version").Output()
	if err != nil || !strings.HasPrefix(string(version), "flagmeter v9.8.7 (commit abc,") {
		t.Errorf("version: %s, %v", version, err)
	}
}

// What is not needed to build would send secrets and megabytes into the build.
func TestBuildContext(t *testing.T) {
	text, err := os.ReadFile(root + "/.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	ignored := strings.Fields(string(text))
	for _, name := range []string{".git", "secrets", ".env", "bin"} {
		if !slices.ContainsFunc(ignored, func(s string) bool { return strings.Trim(s, "/") == name }) {
			t.Errorf(".dockerignore lets %s into the build", name)
		}
	}
	// Every directory with embedded files or code must get there.
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f",
		"{{if not .Standard}}{{if .Module.Main}}{{.Dir}}{{end}}{{end}}",
		"github.com/eduardosanzb/flagmeter").Output()
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for dir := range strings.FieldsSeq(string(out)) {
		relative, err := filepath.Rel(here, dir)
		if err != nil {
			t.Fatal(err)
		}
		top, _, _ := strings.Cut(relative, "/")
		if slices.ContainsFunc(ignored, func(s string) bool { return strings.Trim(s, "/") == top }) {
			t.Errorf(".dockerignore leaves out %s, which the program is built from", relative)
		}
	}
}
