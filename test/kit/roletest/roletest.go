// Package roletest runs roles of the program as it is built, each in a process of its own, for
// tests. A package that uses it has
//
//	func TestMain(m *testing.M) { roletest.Main(m) }
package roletest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// buildDir is removed by Main.
var buildDir string

var build = sync.OnceValues(func() (string, error) { return stacktest.Build(buildDir) })

// Main runs the tests of a package and removes what Program has built.
func Main(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "flagmeter-roletest-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(code)
}

// Program is the path of flagmeter, which the first call builds.
func Program(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Key makes an API key with the arguments of `keys create`.
func Key(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), Program(t), append([]string{"keys", "create"}, args...)...)
	cmd.Env = env
	out, err := cmd.Output()
	key := regexp.MustCompile(`fm_[a-z]+_[0-9A-Za-z]{49}`).FindString(string(out))
	if err != nil || key == "" {
		t.Fatalf("make a key: %v\n%s", err, out)
	}
	return key
}

// Process is a role that runs until the test ends.
type Process struct {
	Role string
	PID  int
	Addr string // of the API or, of a role without one, of /metrics

	t     *testing.T
	log   string // the file with all that it has written
	ended chan error
	over  bool // Stop has ended it
}

// Start runs a role with these settings (NAME=value) and no others, and waits until it listens. The
// test fails if the process ends before it does.
func Start(t *testing.T, role string, env ...string) *Process {
	t.Helper()
	p := &Process{Role: role, t: t, log: filepath.Join(t.TempDir(), role+".log"),
		ended: make(chan error, 1)}
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(Program(t), role)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = env, log, log, dieWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.PID = cmd.Process.Pid
	go func() { p.ended <- cmd.Wait() }()
	t.Cleanup(p.Stop)
	p.Addr = p.Address("started")
	return p
}

// Address waits for the line of the log with this message and returns the address in it, such as
// that of "metrics are served" and "profiles are served".
func (p *Process) Address(message string) (address string) {
	p.t.Helper()
	waittest.Until(p.t, p.Role+" says "+message, func() bool {
		for line := range strings.Lines(p.Logged()) {
			var entry struct{ Msg, Address string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == message {
				address = entry.Address
			}
		}
		return address != "" || len(p.ended) > 0
	})
	if address == "" {
		p.t.FailNow() // Stop says why
	}
	return address
}

// Stop ends the process, and fails the test unless it has been running until then. The test's end
// does it for a process that was not stopped before.
func (p *Process) Stop() {
	if p.over {
		return
	}
	p.over = true
	select {
	case err := <-p.ended:
		p.t.Errorf("%s has ended: %v\n%s", p.Role, err, p.Tail())
		return
	default:
	}
	_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may just have ended
	<-p.ended
}

// Logged is all that the process has written.
func (p *Process) Logged() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(content)
}

// Tail is the end of that.
func (p *Process) Tail() string {
	text := p.Logged()
	return text[max(0, len(text)-4000):]
}
