package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// The variables of package failpoint.
const (
	failpointEnv = "FLAGMETER_FAILPOINT"
	clockEnv     = "FLAGMETER_CLOCK"
)

// process is one role as a process of its own, which can be started again and again.
type process struct {
	t     testing.TB
	name  string // such as flusher-0
	argv  []string
	addr  string // of its API or metrics, always the same
	env   []string
	log   string // file with the output of all its runs
	clock string // file that sets its clock
	pgid  int

	mu       sync.Mutex
	cmd      *exec.Cmd
	gone     chan struct{} // closed when the run has ended
	expected bool          // its end is part of the plan
	frozen   bool
	from     int64 // where in log this run begins
}

// start runs the role. A failpoint, see package failpoint, may be empty.
func (p *process) start(failpoint string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", p.name, err)
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil {
		return fmt.Errorf("look at the log of %s: %w", p.name, err)
	}
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Env = p.env
	if failpoint != "" {
		cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], failpointEnv+"="+failpoint)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: p.pgid}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	gone := make(chan struct{})
	p.cmd, p.gone, p.from, p.frozen, p.expected = cmd, gone, info.Size(), false, failpoint != ""
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		expected := p.expected
		p.mu.Unlock()
		close(gone)
		if !expected {
			p.t.Errorf("%s ended by itself (%v):\n%s", p.name, err, p.tail(20))
		}
	}()
	return nil
}

// signal sends s to the run and notes that its end may follow.
func (p *process) signal(s syscall.Signal) (gone chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch s {
	case syscall.SIGSTOP:
		p.frozen = true
	case syscall.SIGCONT:
		p.frozen = false
	default:
		p.expected = true
	}
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return p.gone, fmt.Errorf("signal %s: %w", p.name, err)
	}
	return p.gone, nil
}

// kill ends the run with SIGKILL.
func (p *process) kill() error {
	gone, err := p.signal(syscall.SIGKILL)
	if err == nil {
		<-gone
	}
	return err
}

// restart kills the run, if there is one, and starts another.
func (p *process) restart(failpoint string) error {
	if err := p.kill(); err != nil {
		return err
	}
	return p.start(failpoint)
}

// terminate ends the run with SIGTERM, which must succeed.
func (p *process) terminate() error {
	gone, err := p.signal(syscall.SIGTERM)
	if err != nil {
		return err
	}
	select {
	case <-gone:
	case <-time.After(waittest.Patience):
		return fmt.Errorf("%s has not ended %s after SIGTERM", p.name, waittest.Patience)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with status %d after SIGTERM:\n%s", p.name, code, p.tail(10))
	}
	return nil
}

func (p *process) freeze() error { _, err := p.signal(syscall.SIGSTOP); return err }
func (p *process) thaw() error   { _, err := p.signal(syscall.SIGCONT); return err }

// awaitEnd waits until the run has ended, as by a failpoint.
func (p *process) awaitEnd(ctx context.Context) error {
	select {
	case <-p.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(waittest.Patience):
		return fmt.Errorf("%s has not ended by its failpoint after %s", p.name, waittest.Patience)
	}
}

// awaitFailpoint waits until the run says that it has reached its failpoint.
func (p *process) awaitFailpoint(ctx context.Context) error {
	return waittest.Wait(ctx, waittest.Patience, p.name+" to reach its failpoint", func() bool {
		return bytes.Contains(p.output(), []byte("failpoint "))
	})
}

// running reports whether the run goes on.
func (p *process) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// output is what this run has written so far.
func (p *process) output() []byte {
	p.mu.Lock()
	from := p.from
	p.mu.Unlock()
	all, err := os.ReadFile(p.log)
	if err != nil || int64(len(all)) < from {
		return nil
	}
	return all[from:]
}

// tail is the last n lines that the process has written.
func (p *process) tail(n int) string {
	all, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(all), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

// address is a free address of 127.0.0.1 whose port is below those that the kernel gives to
// outgoing connections: it is still free when its process has been killed and comes back.
func address(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(11_000+rand.IntN(20_000)))
		l, err := net.Listen("tcp", addr)
		if err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port below 31000")
	return ""
}
