package grafana

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// child runs a program that ends with this process, however that ends: the shell above it
// waits for the end of its own input.
const child = `"$@" & cat >/dev/null; kill -TERM $!; wait $!`

// launched is a program that runs until the end of the test.
type launched struct {
	t    *testing.T
	name string

	mu    sync.Mutex
	lines []string // of stdout and stderr
	said  chan struct{}
}

// launch starts a program with env added to the environment.
func launch(t *testing.T, env []string, argv ...string) *launched {
	t.Helper()
	cmd := exec.Command("/bin/sh", append([]string{"-c", child, "sh"}, argv...)...)
	cmd.Env = append(os.Environ(), env...)
	pipe, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	p := &launched{t: t, name: filepath.Base(argv[0]), said: make(chan struct{}, 1)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(out)
	}()
	t.Cleanup(func() {
		pipe.Close()
		_ = cmd.Wait() // the status of a program that was told to end says nothing
		<-read
		if t.Failed() {
			lines := p.all()
			t.Logf("%s:\n%s", strings.Join(argv, " "), strings.Join(lines[max(0, len(lines)-20):], "\n"))
		}
	})
	return p
}

func (p *launched) read(out io.ReadCloser) {
	defer out.Close()
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		p.mu.Lock()
		p.lines = append(p.lines, scanner.Text())
		p.mu.Unlock()
		select {
		case p.said <- struct{}{}:
		default:
		}
	}
}

func (p *launched) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[:len(p.lines):len(p.lines)]
}

// address waits until a role says where it listens.
func (p *launched) address() string {
	p.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		for _, line := range p.all() {
			var started struct{ Msg, Address string }
			if json.Unmarshal([]byte(line), &started) == nil && started.Msg == "started" {
				return started.Address
			}
		}
		select {
		case <-p.said:
		case <-limit:
			p.t.Fatalf("%s does not say where it listens", p.name)
		}
	}
}
