package torture

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// guardScript waits for the end of its standard input, which comes when the test is over or
// dead. Then it removes directory $1, with what is mounted below it, and kills its whole
// process group, itself included.
const guardScript = `while read -r _; do :; done
for m in "$1"/mount-*; do [ -d "$m" ] && umount -l "$m"; done 2>/dev/null
rm -rf -- "$1"
kill -KILL 0`

// guard owns a directory and a process group; both are gone when the test is.
type guard struct {
	dir  string
	pgid int
	pipe io.Closer // its end is the guard's; kept here, or the garbage collector closes it
}

// newGuard starts a guard for a test.
func newGuard(t *testing.T) *guard {
	t.Helper()
	g, end, err := startGuard()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return g
}

// startGuard starts a guard that works until end is called or this process ends.
func startGuard() (g *guard, end func(), err error) {
	dir, err := os.MkdirTemp("", "flagmeter-torture-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a directory: %w", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // stores run as another user
		return nil, nil, fmt.Errorf("open the directory to the stores: %w", err)
	}
	cmd := exec.Command("/bin/sh", "-c", guardScript, "guard", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make a pipe for the guard: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the guard: %w", err)
	}
	return &guard{dir: dir, pgid: cmd.Process.Pid, pipe: pipe}, func() {
		pipe.Close()
		_ = cmd.Wait() // it kills itself
	}, nil
}
