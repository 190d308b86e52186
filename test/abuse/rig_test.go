package abuse

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
	"github.com/eduardosanzb/flagmeter/internal/waittest"
)

// patience is for conditions that come true in milliseconds on a quiet machine.
const patience = waittest.Patience

// program builds flagmeter at the first call, into a directory that the last test removes.
var program = sync.OnceValues(func() (string, error) { return stacktest.Build(buildDir) })

var buildDir string

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "flagmeter-abuse-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(code)
}

// deployment is stores of a test's own, and the roles that it has started on them.
type deployment struct {
	*testing.T
	env     *stacktest.Env
	path    string // of the program
	ingest  *process
	operate string // a key of scope admin for all tenants
}

// process is a role in a process of its own.
type process struct {
	t     *testing.T
	role  string
	addr  string // of the API or, of a role without one, of /metrics
	extra string // of METRICS_ADDR beside the API
	limit int    // bytes that its container may take
	log   string // the file with all that it has written
	pid   int
	ended chan error
	over  bool // stop has ended it
}

// start runs the API with the tenants victim (the neighbour's) and attacker, and with settings
// (NAME=value) beside the usual ones.
func start(t *testing.T, settings ...string) *deployment {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	d := &deployment{T: t, env: stacktest.New(t), path: path}
	d.exec("INSERT INTO tenants (name) VALUES ('victim'), ('attacker')")
	d.operate = d.key("admin", "")
	d.ingest = d.run("ingest", append([]string{"METRICS_ADDR=127.0.0.1:0"}, settings...)...)
	d.await("the API is ready", func() bool { return d.get(d.operate, "/readyz") == http.StatusOK })
	return d
}

// run starts a role with settings beside the usual ones, and waits until it listens. The test
// fails if the process ends before it does.
func (d *deployment) run(role string, settings ...string) *process {
	d.Helper()
	p := &process{t: d.T, role: role, limit: containerLimit(d.T, role), log: filepath.Join(d.TempDir(), role+".log"), ended: make(chan error, 1)}
	log, err := os.Create(p.log)
	if err != nil {
		d.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(d.path, role)
	cmd.Env = append(append(d.settings(), fmt.Sprintf("GOMEMLIMIT=%d", p.limit/10*8)), settings...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, dieWithParent()
	if err := cmd.Start(); err != nil {
		d.Fatal(err)
	}
	p.pid = cmd.Process.Pid
	go func() { p.ended <- cmd.Wait() }()
	d.Cleanup(p.stop)
	d.await(role+" listens", func() bool {
		for line := range strings.Lines(p.logged()) {
			var entry struct{ Msg, Address string }
			if json.Unmarshal([]byte(line), &entry) != nil {
				continue
			}
			switch entry.Msg {
			case "started":
				p.addr = entry.Address
			case "metrics are served":
				p.extra = entry.Address
			}
		}
		return p.addr != ""
	})
	return p
}

// settings are those of all roles.
func (d *deployment) settings() []string {
	return []string{"DATABASE_URL=" + d.env.DatabaseURL, "VALKEY_URL=" + d.env.ValkeyURL, "LISTEN_ADDR=127.0.0.1:0", "AUTH=required"}
}

// key makes an API key, bound to a tenant unless that is empty.
func (d *deployment) key(scope, tenant string) string {
	d.Helper()
	args := []string{"keys", "create", "--scope", scope}
	if tenant != "" {
		args = append(args, "--tenant", tenant)
	}
	cmd := exec.CommandContext(d.Context(), d.path, args...)
	cmd.Env = d.settings()
	out, err := cmd.Output()
	key := regexp.MustCompile(`fm_[a-z]+_[0-9A-Za-z]{49}`).FindString(string(out))
	if err != nil || key == "" {
		d.Fatalf("make a key: %v\n%s", err, out)
	}
	if d.ingest != nil {
		d.await("the key is known", func() bool { // 403 if its scope is to ingest
			status := d.get(key, "/session")
			return status == http.StatusOK || status == http.StatusForbidden
		})
	}
	return key
}

// get asks the API for a path and drops the answer but for its status, 0 if there is none.
func (d *deployment) get(key, path string) (status int) {
	d.Helper()
	req, err := http.NewRequestWithContext(d.Context(), "GET", "http://"+d.ingest.addr+path, nil)
	if err != nil {
		d.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0
	}
	return resp.StatusCode
}

// exec runs a statement as the administrator.
func (d *deployment) exec(statement string) {
	d.Helper()
	if _, err := d.env.DB.ExecContext(d.Context(), statement); err != nil {
		d.Fatal(err)
	}
}

// await waits for a condition.
func (d *deployment) await(what string, holds func() bool) {
	d.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			tail := ""
			if d.ingest != nil {
				tail = d.ingest.tail()
			}
			d.Fatalf("never: %s\n%s", what, tail)
		}
	}
}

// stop ends the process, and fails the test unless it has been running until then. The test's end
// does it for a process that was not stopped before.
func (p *process) stop() {
	if p.over {
		return
	}
	p.over = true
	select {
	case err := <-p.ended:
		p.t.Errorf("%s has ended: %v\n%s", p.role, err, p.tail())
		return
	default:
	}
	_ = syscall.Kill(p.pid, syscall.SIGKILL) // it may just have ended
	<-p.ended
}

func (p *process) logged() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(content)
}

// tail is the end of the log.
func (p *process) tail() string {
	text := p.logged()
	return text[max(0, len(text)-4000):]
}
