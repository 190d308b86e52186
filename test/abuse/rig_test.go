package abuse

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/api"
	"github.com/eduardosanzb/flagmeter/test/kit/roletest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// patience is for conditions that come true in milliseconds on a quiet machine.
const patience = waittest.Patience

func TestMain(m *testing.M) { roletest.Main(m) }

// deployment is stores of a test's own, and the roles that it has started on them.
type deployment struct {
	*testing.T
	env     *stacktest.Env
	ingest  *process
	operate string // a key of scope admin for all tenants
}

// process is a role in a process of its own.
type process struct {
	*roletest.Process
	t     *testing.T
	limit int // bytes that its container may take
}

// start runs the API with the tenants victim (the neighbour's) and attacker, and with settings
// (NAME=value) beside the usual ones.
func start(t *testing.T, settings ...string) *deployment {
	t.Helper()
	d := &deployment{T: t, env: stacktest.New(t)}
	d.exec("INSERT INTO tenants (name) VALUES ('victim'), ('attacker')")
	d.operate = d.key("admin", "")
	d.ingest = d.run("ingest", append([]string{"METRICS_ADDR=127.0.0.1:0"}, settings...)...)
	d.await("the API is ready", func() bool { return d.get(d.operate, "/readyz") == http.StatusOK })
	return d
}

// run starts a role with settings beside the usual ones, and waits until it listens.
func (d *deployment) run(role string, settings ...string) *process {
	d.Helper()
	limit := containerLimit(d.T, role)
	env := append(d.settings(), fmt.Sprintf("GOMEMLIMIT=%d", limit/10*8))
	return &process{roletest.Start(d.T, role, append(env, settings...)...), d.T, limit}
}

// settings are those of all roles.
func (d *deployment) settings() []string {
	return []string{"DATABASE_URL=" + d.env.DatabaseURL, "VALKEY_URL=" + d.env.ValkeyURL,
		"LISTEN_ADDR=127.0.0.1:0", "AUTH=required"}
}

// key makes an API key, bound to a tenant unless that is empty.
func (d *deployment) key(scope, tenant string) string {
	d.Helper()
	args := []string{"--scope", scope}
	if tenant != "" {
		args = append(args, "--tenant", tenant)
	}
	key := roletest.Key(d.T, d.settings(), args...)
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
	a, err := d.client(key).Do(d.Context(), "GET", path, nil)
	if err != nil {
		return 0
	}
	return a.Status
}

// client asks the API with a key.
func (d *deployment) client(key string) api.Client {
	return api.Client{URL: "http://" + d.ingest.Addr, Key: key}
}

// exec runs a statement as the administrator.
func (d *deployment) exec(statement string) {
	d.Helper()
	d.env.Exec(d, statement)
}

// await waits for a condition. A failure shows the end of the API's log.
func (d *deployment) await(what string, holds func() bool) {
	d.Helper()
	if err := waittest.Wait(d.Context(), waittest.Patience, what, holds); err != nil {
		tail := ""
		if d.ingest != nil {
			tail = d.ingest.Tail()
		}
		d.Fatalf("%v\n%s", err, tail)
	}
}
