package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// dir is the directory of a stack.
type dir struct {
	path  string
	files *os.Root // the directory itself, whatever becomes of its path
	// hold is inherited by every process that works in the directory: the lock file of a
	// persistent directory, the pipe to the janitor of a temporary one.
	hold    *os.File
	janitor *exec.Cmd // nil for a persistent directory

	mu    sync.Mutex
	rooms []*room // to be closed with it
}

// janitorScript removes directory $1 when the last holder of the pipe on its stdin is gone.
const janitorScript = `while read -r _; do :; done; cd / && rm -rf -- "$1"`

// tempDir makes a directory that disappears when this process and all servers in it are gone.
func tempDir() (*dir, error) {
	path, err := os.MkdirTemp("", "flagmeter-stack-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	end, hold, err := os.Pipe()
	if err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer end.Close()
	janitor := exec.Command("/bin/sh", "-c", janitorScript, "janitor", path)
	janitor.Dir = "/"
	janitor.Stdin = end
	janitor.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := janitor.Start(); err != nil {
		hold.Close()
		os.Remove(path)
		return nil, fmt.Errorf("start the janitor of %s: %w", path, err)
	}
	d := &dir{path: path, hold: hold, janitor: janitor}
	// The servers may run as another user: let it pass, but not look around.
	if err := os.Chmod(path, 0o711); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s to the servers: %w", path, err), d.release())
	}
	if d.files, err = os.OpenRoot(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.release())
	}
	return d, nil
}

// lockDir takes a persistent directory for this process alone, making it if necessary.
// A stack that was killed a moment ago has some time to stop its servers first.
func lockDir(ctx context.Context, path string) (*dir, error) {
	path, err := filepath.Abs(path) // the servers run in directories of their own
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	files, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the data directory: %w", err)
	}
	lock, err := openOwn(files, "lock", os.O_CREATE|os.O_RDWR)
	if err != nil {
		files.Close()
		return nil, fmt.Errorf("open the lock of the data directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return &dir{path: path, files: files, hold: lock}, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			lock.Close()
			files.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			lock.Close()
			files.Close()
			return nil, fmt.Errorf("data directory %s is in use: "+
				"another flagmeter runs in it, or its servers are still stopping", path)
		case <-time.After(pollEvery):
		}
	}
}

// release gives up the directory. The servers in it must be stopped. A temporary one is gone
// when release returns.
func (d *dir) release() error {
	d.hold.Close()
	for _, r := range d.rooms {
		r.files.Close()
	}
	if d.files != nil {
		d.files.Close()
	}
	if d.janitor == nil {
		return nil
	}
	if err := d.janitor.Wait(); err != nil {
		return fmt.Errorf("remove %s: %w", d.path, err)
	}
	return nil
}
