package torture

import (
	"bytes"
	"os"
	"sync"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
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
	p.path, err = stacktest.Build(p.guard.dir, "-tags", "failpoint")
	return p, err
})

// TestProductionHasNoFailpoint looks for the name of the variable in both builds.
func TestProductionHasNoFailpoint(t *testing.T) {
	production, err := stacktest.Build(t.TempDir())
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
