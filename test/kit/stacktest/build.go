package stacktest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds the program into dir, with more arguments of go build such as "-tags", and
// returns its path. It is built as the Makefile and the Dockerfile do it, and as make lint reads
// it: on a machine that has built nothing yet, that saves compiling all of it once more.
func Build(dir string, args ...string) (string, error) {
	path := filepath.Join(dir, "flagmeter")
	args = append(append([]string{"build", "-trimpath", "-buildvcs=false", "-o", path}, args...),
		"github.com/eduardosanzb/flagmeter")
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}
