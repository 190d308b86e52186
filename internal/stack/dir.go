package stack

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// dir is the directory of a stack.
type dir struct {
	path string
	// hold is inherited by every process that works in the directory: the lock file of a
	// persistent directory, the pipe to the janitor of a temporary one.
	hold    *os.File
	janitor *exec.Cmd // nil for a persistent directory
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
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return &dir{path: path, hold: lock}, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			lock.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			lock.Close()
			return nil, fmt.Errorf("data directory %s is in use: another flagmeter runs in it, or its servers are still stopping", path)
		case <-time.After(pollEvery):
		}
	}
}

// release gives up the directory. The servers in it must be stopped. A temporary one is gone
// when release returns.
func (d *dir) release() error {
	d.hold.Close()
	if d.janitor == nil {
		return nil
	}
	if err := d.janitor.Wait(); err != nil {
		return fmt.Errorf("remove %s: %w", d.path, err)
	}
	return nil
}

// room makes the directory of one server, 0700 and owned by the account that runs it.
func (d *dir) room(name string) (string, *account, error) {
	room := filepath.Join(d.path, name)
	a, err := accountFor(room)
	if err != nil {
		return "", nil, err
	}
	err = os.Mkdir(room, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", nil, fmt.Errorf("make the directory of %s: %w", name, err)
	}
	if err := a.own(room); err != nil {
		return "", nil, fmt.Errorf("give %s to the account of the server: %w", room, err)
	}
	return room, a, nil
}

// secret returns the password kept in a room; the first call makes one of 128 random bits.
func secret(room string, a *account) (string, error) {
	path := filepath.Join(room, "password")
	b, err := os.ReadFile(path)
	if err == nil && len(b) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the password of the server: %w", err)
	}
	var random [16]byte
	rand.Read(random[:]) // never fails: see its documentation
	password := hex.EncodeToString(random[:])
	if err := writeOwned(path, password+"\n", a); err != nil {
		return "", fmt.Errorf("keep the password of the server: %w", err)
	}
	return password, nil
}

// writeOwned writes a file, mode 0600, that only the account of a server can read. It is
// there complete or not at all.
func writeOwned(path, text string, a *account) error {
	next := path + ".new"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	if err := a.own(next); err != nil {
		return err
	}
	return os.Rename(next, path)
}
