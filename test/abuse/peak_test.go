package abuse

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"

	"go.yaml.in/yaml/v4"
)

const mebibyte = 1 << 20

// containerLimit is the memory that docker-compose.yml gives a role, in bytes.
func containerLimit(t *testing.T, role string) int {
	t.Helper()
	content, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Limit string `yaml:"mem_limit"`
		}
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	var mib int
	if _, err := fmt.Sscanf(file.Services[role].Limit, "%dm", &mib); err != nil {
		t.Fatalf("the memory limit of %s in docker-compose.yml: %v", role, err)
	}
	return mib * mebibyte
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that the process has ever had resident, in bytes.
func (p *process) peak() int {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if os.IsNotExist(err) {
		p.t.Skip("this system does not tell what memory a process takes")
	}
	m := highWater.FindSubmatch(status)
	if err != nil || m == nil {
		p.t.Fatalf("read the memory of %s: %v", p.Role, err)
	}
	kB, err := strconv.Atoi(string(m[1]))
	if err != nil {
		p.t.Fatal(err)
	}
	return kB << 10
}

// survives fails the test if the process has taken more memory than its container may, and
// logs what it took.
func (p *process) survives(attack string) {
	p.t.Helper()
	peak := p.peak()
	p.t.Logf("%s: %s peaked at %d MiB of %d", attack, p.Role, peak/mebibyte, p.limit/mebibyte)
	if peak > p.limit {
		p.t.Errorf("%s: %s took %d MiB, its container has %d: it would have been killed", attack, p.Role,
			peak/mebibyte, p.limit/mebibyte)
	}
}
