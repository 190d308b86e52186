package rollout

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// process is a role of one version.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	addr string // of its API or metrics
	gone chan struct{}

	mu   sync.Mutex
	last []string // lines of its log
}

// start runs a role and waits until it listens. A listener is handed over as systemd does.
func (r *rig) start(version int, role string, listener *os.File, settings ...string) *process {
	r.t.Helper()
	p := &process{t: r.t, cmd: exec.Command(r.programs[version%2], role), gone: make(chan struct{})}
	p.cmd.Env = append(r.settings[:len(r.settings):len(r.settings)], settings...)
	if listener != nil { // LISTEN_PID is the process's own
		p.cmd.Args = []string{"sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$1"`,
			r.programs[version%2], role}
		p.cmd.Path, p.cmd.ExtraFiles = "/bin/sh", []*os.File{listener}
	}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.gone })
	started := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var line struct{ Msg, Address, Version, Level string }
			_ = json.Unmarshal(lines.Bytes(), &line)
			if want := versions[version%2]; line.Msg == "started" {
				if line.Version != want {
					r.t.Errorf("version %s runs, want %s", line.Version, want)
				}
				started <- line.Address
			}
			p.mu.Lock()
			p.last = append(p.last, lines.Text())
			p.mu.Unlock()
		}
		close(started)
		_ = p.cmd.Wait() // the state is looked at
		close(p.gone)
	}()
	if p.addr = <-started; p.addr == "" {
		r.t.Fatalf("%s has ended: %v", role, p.log())
	}
	return p
}

func (p *process) log() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// stop sends SIGTERM and waits for the end, which must be a success.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Error(err)
	}
	waittest.Receive(p.t, strings.Join(p.cmd.Args, " ")+" ends after SIGTERM", p.gone)
	for _, line := range p.log() {
		if strings.Contains(line, `"level":"WARN"`) || strings.Contains(line, `"level":"ERROR"`) {
			p.t.Logf("%s: %s", p.cmd.Args[1:], line)
		}
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("%s: exit status %d: %v", p.cmd.Args, code, p.log())
	}
}
