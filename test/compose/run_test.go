package compose_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/stack"
	"github.com/eduardosanzb/flagmeter/test/kit/api"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// TestStackRuns runs the services of docker-compose.yml on this machine: each with the command
// line, the environment, the configuration and the secrets that its container gets.
func TestStackRuns(t *testing.T) {
	p := load(t, "docker-compose.yml")
	m := newMachine(t)
	grace := func(s types.ServiceConfig) time.Duration { return time.Duration(*s.StopGracePeriod) }
	startValkey(t, m, p.Services["valkey"])
	startPostgres(t, m, p.Services["postgres"])

	program := built(t)
	flagmeter := func(s types.ServiceConfig, more []string, args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Env = append(m.env(s), more...)
		return cmd
	}
	if out := m.run(flagmeter(p.Services["migrate"], nil, "migrate")); !strings.Contains(out,
		"applied") {
		t.Errorf("migrate: %s", out)
	}
	grants := p.Services["grants"]
	psql := psqlDir(t)
	sh := exec.Command("sh", m.args(grants.Entrypoint)[1:]...)
	sh.Env = append(m.env(grants), "PATH="+psql+":"+os.Getenv("PATH"))
	m.run(sh)
	canRead(t, m, "grafana", "postgres_grafana_password", "SELECT count(*) FROM rollups")

	// Ports that are free here, and otherwise the environment as it is.
	ingest := m.start(flagmeter(p.Services["ingest"],
		[]string{"LISTEN_ADDR=127.0.0.1:0",
			"METRICS_ADDR=127.0.0.1:0"}, "ingest"), grace(p.Services["ingest"]))
	api := ingest.address("started")
	metrics := []string{ingest.address("metrics are served")}
	for _, role := range []string{"flusher", "alerter"} {
		s := m.start(flagmeter(p.Services[role], []string{"METRICS_ADDR=127.0.0.1:0"}, role),
			grace(p.Services[role]))
		metrics = append(metrics, s.address("started"))
	}
	keys := strings.Fields(m.run(flagmeter(p.Services["ingest"], nil, "keys", "create", "--scope",
		"admin")))
	var key string
	for _, word := range keys {
		if strings.HasPrefix(word, "fm_admin_") {
			key = word
		}
	}
	m.run(flagmeter(p.Services["ingest"], nil, "tenants", "add", "acme-corp", "--quota", "1000000"))

	waittest.Succeeds(t, "post an event", func() error {
		return post("http://"+api, key,
			`{"id":"1","tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1500}`)
	})
	if err := post("http://"+api, "",
		`{"tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1500}`); err == nil ||
		!strings.Contains(err.Error(), "401") {
		t.Errorf("without a key: %v", err)
	}
	waittest.Succeeds(t, "find the event in Postgres", func() error {
		var tokens int64
		err := database(t, m, "postgres", "postgres_admin_password").Get(&tokens,
			"SELECT coalesce(sum(tokens), 0) FROM events")
		if err == nil && tokens != 1500 {
			err = fmt.Errorf("%d tokens", tokens)
		}
		return err
	})
	for _, address := range metrics {
		body, err := get("http://" + address + "/metrics")
		if err != nil || !strings.Contains(body, "flagmeter_build_info") {
			t.Errorf("metrics at %s: %v", address, err)
		}
	}
	backup := p.Services["backup"]
	out := m.run(flagmeter(backup, []string{"BACKUP_SCHEDULE="}, "backup"))
	if !strings.Contains(out, "1 events") {
		t.Errorf("backup: %s", out)
	}
	scheduled := m.start(flagmeter(backup, []string{"METRICS_ADDR=127.0.0.1:0"}, "backup"),
		grace(backup))
	if body, err := get("http://" + scheduled.address("started") + "/healthz"); err != nil {
		t.Errorf("health of the backup: %v: %s", err, body)
	}
}

func startValkey(t *testing.T, m *machine, s types.ServiceConfig) {
	t.Helper()
	_, admin := runValkey(t, m, s)
	connect := func(name, secret string) *redis.Client { return valkeyClient(t, m, name, secret) }
	for name, want := range map[string]string{"appendonly": "yes", "appendfsync": "always", "save": "",
		"maxmemory-policy": "noeviction",
		"maxmemory":        fmt.Sprint(300 << 20), "hash-max-listpack-entries": "128"} {
		if got := admin.ConfigGet(t.Context(), name).Val()[name]; got != want {
			t.Errorf("Valkey runs with %s %q, not %q", name, got, want)
		}
	}
	// Without a rewrite of the append-only file nothing is copied; with one, half is enough.
	if limit := int64(s.MemLimit); 300<<20 > limit*3/4 {
		t.Errorf("maxmemory of 300 MiB leaves too little of %d MiB", limit>>20)
	}
	if err := connect("", "").Ping(t.Context()).Err(); err == nil ||
		!strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("Valkey asks nobody for a password: %v", err)
	}
	if err := connect("flagmeter",
		"valkey_flagmeter_password").FlushAll(t.Context()).Err(); err == nil ||
		!strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("the program may do more than it needs: %v", err)
	}
}

// startPostgres does what the image's entrypoint does at the first start, and then runs it.
func startPostgres(t *testing.T, m *machine, s types.ServiceConfig) {
	t.Helper()
	bin := psqlDir(t)
	data := m.dir + "/data/postgres"
	password := m.dir + "/secrets/postgres_admin_password"
	m.run(m.command(bin+"/initdb", "-D", data, "-U", *s.Environment["POSTGRES_USER"],
		"--pwfile="+password,
		"--auth-host=scram-sha-256", "--auth-local=trust", "--no-sync", "--encoding=UTF8", "--locale=C"))
	argv := append(m.args(s.Command)[1:], "-D", data, "-p", fmt.Sprint(m.pg), "-k", m.dir+"/data",
		"-clisten_addresses=127.0.0.1")
	m.start(m.command(bin+"/postgres", argv...), time.Duration(*s.StopGracePeriod))
	local := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "PGHOST=" + m.dir + "/data",
		fmt.Sprintf("PGPORT=%d", m.pg)}
	waittest.Succeeds(t, "reach Postgres", func() error {
		cmd := m.command(bin+"/pg_isready", "-q")
		cmd.Env = local
		return cmd.Run()
	})
	create := m.command(bin+"/createdb", "-U", *s.Environment["POSTGRES_USER"],
		*s.Environment["POSTGRES_DB"])
	create.Env = local
	m.run(create)
	// The script runs as the same account, which may not read the repository everywhere.
	for _, file := range []string{"sql/roles.sql", "scripts/compose/initdb.sh"} {
		m.rewrite(root+"/"+file, m.dir+"/"+file[strings.LastIndex(file, "/")+1:])
	}
	for range 2 { // at the first start, and as the service roles
		script := m.command("sh", m.dir+"/initdb.sh")
		script.Env = append(m.env(s),
			append(local, "FLAGMETER_SQL="+m.dir, "FLAGMETER_SECRETS="+m.dir+"/secrets")...)
		m.run(script)
	}

	db := database(t, m, "postgres", "postgres_admin_password")
	for name, want := range map[string]string{"shared_buffers": "128MB", "synchronous_commit": "on",
		"fsync": "on", "full_page_writes": "on", "max_connections": "40"} {
		var got string
		if err := db.Get(&got, "SHOW "+name); err != nil || got != want {
			t.Errorf("Postgres runs with %s %q, not %q: %v", name, got, want, err)
		}
	}
	for role, secret := range map[string]string{"flagmeter_owner": "owner", "flagmeter_app": "app",
		"flagmeter_ingest": "ingest"} {
		canRead(t, m, role, "postgres_"+secret+"_password", "SELECT 1")
	}
	wrong, err := sqlx.Open("postgres",
		fmt.Sprintf("postgres://flagmeter_app:wrong@127.0.0.1:%d/flagmeter?sslmode=disable", m.pg))
	if err != nil {
		t.Fatal(err)
	}
	defer wrong.Close()
	if wrong.PingContext(t.Context()) == nil {
		t.Error("Postgres takes a wrong password")
	}
}

// TestPrometheusRuns starts Prometheus with the command line and the files of its container.
func TestPrometheusRuns(t *testing.T) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	s := load(t, "docker-compose.yml").Services["prometheus"]
	m := newMachine(t)
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	cmd := exec.Command(program, append(m.args(s.Command), "--web.listen-address="+address)...)
	m.start(cmd, time.Duration(*s.StopGracePeriod))
	waittest.Succeeds(t, "be ready", func() error {
		_, err := get("http://" + address + "/-/ready")
		return err
	})
	body, err := get("http://" + address + "/api/v1/targets?state=any")
	if err != nil || !strings.Contains(body, `"status":"success"`) {
		t.Errorf("targets: %v: %s", err, body)
	}
}

func psqlDir(t *testing.T) string {
	t.Helper()
	path, err := stack.PostgresProgram("postgres")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(path, "/postgres")
}

func database(t *testing.T, m *machine, role, secret string) *sqlx.DB {
	t.Helper()
	db, err := sqlx.Open("postgres",
		fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/flagmeter?sslmode=disable", role,
			read(t, m.dir+"/secrets/"+secret), m.pg))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func canRead(t *testing.T, m *machine, role, secret, query string) {
	t.Helper()
	var n int
	if err := database(t, m, role, secret).Get(&n, query); err != nil {
		t.Errorf("%s cannot ask %s: %v", role, query, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// get returns the answer to a question, which must be 200.
func get(url string) (string, error) {
	return answerOf(api.Client{URL: url}.Do(context.Background(), http.MethodGet, "", nil))
}

// post sends an event, which must be accepted.
func post(url, key, event string) error {
	_, err := answerOf(api.Client{URL: url, Key: key}.TryPost(context.Background(), event))
	return err
}

func answerOf(a api.Answer, err error) (string, error) {
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("%d: %s", a.Status, a.Body)
	}
	return a.Body, err
}
