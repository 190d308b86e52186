package stacktest

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build builds the program into dir, with more arguments of go build such as "-tags", and
// returns its path.
func Build(dir string, args ...string) (string, error) {
	path := filepath.Join(dir, "flagmeter")
	args = append(append([]string{"build", "-buildvcs=false", "-o", path}, args...), "github.com/eduardosanzb/flagmeter")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}
