package compose_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// built is the program, built once.
func built(t *testing.T) string {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildOnce = sync.OnceValues(func() (string, error) { return stacktest.Build(buildDir) })

// buildDir is removed by TestMain.
var buildDir string

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "flagmeter-compose-"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(status)
}

// machine is this one in the place of the containers: what a path, a host or a port of the
// compose file is here. Nothing else of a command line or an environment is changed.
type machine struct {
	t       *testing.T
	dir     string // everybody may enter it
	account *user.User
	here    *strings.Replacer
	valkey  int
	pg      int
	proxy   int
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "flagmeter-compose-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, dir: dir, valkey: freePort(t), pg: freePort(t), proxy: freePort(t)}
	if os.Getuid() == 0 { // Postgres refuses to run as root
		if m.account, err = user.Lookup("postgres"); err != nil {
			t.Fatal(err)
		}
	}
	secrets, err := filepath.Abs(root + "/scripts/compose/secrets.sh")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", secrets,
		dir+"/secrets").CombinedOutput(); err != nil {
		t.Fatalf("make secrets: %v: %s", err, out)
	}
	// Docker gives each container its secrets; here they may read all.
	if err := os.Chmod(dir+"/secrets", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"data", "prometheus", "backups"} {
		m.mkdir(name)
	}
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	m.here = strings.NewReplacer(
		"/run/secrets/", dir+"/secrets/",
		"/flagmeter/postgres.sql", repository+"/grafana/postgres.sql",
		"/flagmeter/mend-aof.sh", dir+"/mend-aof.sh",
		"/etc/valkey/valkey.conf", dir+"/valkey.conf",
		"/usr/local/etc/haproxy/haproxy.cfg", dir+"/dockerproxy.cfg",
		"bind :2375", fmt.Sprintf("bind 127.0.0.1:%d", m.proxy),
		"/var/run/docker.sock", dir+"/docker.sock",
		"/etc/prometheus/", repository+"/grafana/prometheus/",
		"=/prometheus", "="+dir+"/prometheus",
		"/data", dir+"/data",
		"/backups", dir+"/backups",
		"-h postgres ", fmt.Sprintf("-h 127.0.0.1 -p %d ", m.pg),
		"@postgres:5432", fmt.Sprintf("@127.0.0.1:%d", m.pg),
		"@valkey:6379", fmt.Sprintf("@127.0.0.1:%d", m.valkey),
	)
	for _, name := range []string{"owner_url", "app_url", "ingest_url", "flusher_url", "valkey_url",
		"valkey_ingest_url", "valkey_flusher_url", "valkey_alerter_url"} {
		m.rewrite(dir+"/secrets/"+name, dir+"/secrets/"+name)
	}
	for _, name := range []string{"valkey.conf", "mend-aof.sh", "dockerproxy.cfg"} {
		m.rewrite(root+"/scripts/compose/"+name, dir+"/"+name)
	}
	return m
}

// mkdir makes a directory that the account of the servers may write.
func (m *machine) mkdir(name string) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.Mkdir(path, 0o700); err != nil {
		m.t.Fatal(err)
	}
	if m.account != nil {
		uid, _ := strconv.Atoi(m.account.Uid)
		gid, _ := strconv.Atoi(m.account.Gid)
		if err := os.Chown(path, uid, gid); err != nil {
			m.t.Fatal(err)
		}
	}
}

// rewrite copies a file with what is different here.
func (m *machine) rewrite(from, to string) {
	m.t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(to, []byte(m.here.Replace(string(text))), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// env is a service's environment, here.
func (m *machine) env(s types.ServiceConfig) []string {
	env := []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range s.Environment {
		if value != nil {
			env = append(env, name+"="+m.here.Replace(*value))
		}
	}
	return env
}

// args are a service's, here.
func (m *machine) args(s []string) []string {
	var args []string
	for _, arg := range s {
		args = append(args, m.here.Replace(arg))
	}
	return args
}

// command prepares a program that runs as the account of the servers.
func (m *machine) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = m.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if m.account != nil {
		uid, _ := strconv.ParseUint(m.account.Uid, 10, 32)
		gid, _ := strconv.ParseUint(m.account.Gid, 10, 32)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return cmd
}

// run runs a command that must succeed, and returns what it printed.
func (m *machine) run(cmd *exec.Cmd) string {
	m.t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// service is a program that runs until the test's end.
type service struct {
	*exec.Cmd
	t     *testing.T
	lines chan string // of stdout and stderr
}

// start starts a command. It ends by itself with the test, if not within the time that Docker would
// give it on a machine that has nothing else to do.
func (m *machine) start(cmd *exec.Cmd, grace time.Duration) *service {
	m.t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		m.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	in.Close()
	s := &service{cmd, m.t, make(chan string, 10_000)}
	go func() {
		defer out.Close()
		defer close(s.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	m.t.Cleanup(func() {
		began := time.Now()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		killer := time.AfterFunc(waittest.Patience, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		if !killer.Stop() {
			m.t.Errorf("%s has not ended after %s", filepath.Base(cmd.Path), waittest.Patience)
		}
		m.t.Logf("%s ended after %s of %s", filepath.Base(cmd.Path),
			time.Since(began).Round(time.Millisecond), grace)
	})
	return s
}

// address waits for the line of the log with this message, and returns the address in it.
func (s *service) address(message string) string {
	s.t.Helper()
	for line := range s.lines {
		var entry struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == message {
			return entry.Address
		}
		s.t.Log(line)
	}
	s.t.Fatalf("%s ended before it said %q", s.Cmd, message)
	return ""
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
