package torture

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// program is the program with failpoints.
type program struct {
	path  string
	guard *guard // removes it when the test binary ends
}

// tortured builds the program with failpoints at the first call.
var tortured = sync.OnceValues(func() (p program, err error) {
	if p.guard, _, err = startGuard(); err != nil {
		return p, err
	}
	p.path, err = build(p.guard.dir, "failpoint")
	return p, err
})

// build builds the program into dir, with tags, and returns its path.
func build(dir, tags string) (string, error) {
	path := filepath.Join(dir, "flagmeter")
	cmd := exec.Command("go", "build", "-tags", tags, "-o", path, ".")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}

// TestProductionHasNoFailpoint looks for the name of the variable in both builds.
func TestProductionHasNoFailpoint(t *testing.T) {
	production, err := build(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	failing, err := tortured()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{production: false, failing.path: true} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(content, []byte(failpointEnv)); got != want {
			t.Errorf("%s is in %s: %v, want %v", failpointEnv, path, got, want)
		}
	}
}
