package grafana

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// How the test goes. An outage must be long enough to be seen, and the load must go on beyond
// the end of a minute: only then are there rollups.
const (
	quotasAfter = 8 * time.Second // Prometheus must have seen the counters at 0
	outageAfter = 15 * time.Second
	outageFor   = 8 * time.Second
	raiseAfter  = 35 * time.Second
	loadFor     = 60 * time.Second
	afterMinute = 5 * time.Second
)

// TestEveryQueryAnswers runs the roles for a minute under load, with Postgres away for a
// while and webhooks that fail, watched by a real Prometheus. Then it asks every query of
// every dashboard and rule, and fails for each that errs or returns nothing.
func TestEveryQueryAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more than a minute")
	}
	t.Parallel()
	program(t, "prometheus") // before anything is started
	env := stacktest.Own(t)
	if err := env.Valkey.ConfigSet(t.Context(), "maxmemory", "1gb").Err(); err != nil {
		t.Fatal(err)
	}
	addTenants(t, env.DB)
	binary, err := stacktest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	settings := []string{"DATABASE_URL=" + env.DatabaseURL, "VALKEY_URL=" + env.ValkeyURL,
		"LOG_LEVEL=debug",
		"LISTEN_ADDR=127.0.0.1:0", "METRICS_ADDR=127.0.0.1:0", "WEBHOOK_ALLOW_PRIVATE=true",
		"METRICS_TOP_TENANTS=5",
		"MIGRATE_DATABASE_URL=" + env.OwnerURL, "BACKUP_TARGET=" + t.TempDir(),
		"BACKUP_SCHEDULE=@every 20s"}
	roles, addresses := map[string]*launched{}, map[string]string{}
	for _, role := range []string{"ingest", "flusher", "alerter", "backup"} {
		roles[role] = launch(t, settings, binary, role)
		addresses[role] = roles[role].address()
	}
	prometheus := startPrometheus(t, addresses)
	from := time.Now()
	load := startLoad(t, "http://"+addresses["ingest"])

	until(t, from.Add(quotasAfter))
	execute(t, env.DB, "UPDATE tenants SET monthly_quota = 1000 WHERE name IN ('told', 'refused', "+
		"'unanswered')")
	until(t, from.Add(outageAfter))
	env.Stack.Postgres.Kill()
	until(t, from.Add(outageAfter+outageFor))
	if err := env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, from.Add(raiseAfter))
	execute(t, env.DB, "UPDATE tenants SET monthly_quota = 1000000000 WHERE name = 'told'")
	end := from.Add(loadFor)
	if minute := end.Truncate(time.Minute).Add(afterMinute); minute.After(end) {
		end = minute
	}
	until(t, end)

	w := &watched{prometheus: prometheus, from: from, to: time.Now().Truncate(time.Second), db: env.DB}
	t.Run("faults", w.faults)
	t.Run("cost", w.cost)
	for file, d := range dashboards(t) {
		t.Run(file, func(t *testing.T) { w.dashboard(t, d) })
	}
	t.Run("rules", w.rules)
	t.Run("postgres", func(t *testing.T) { w.postgres(t, env.DatabaseURL) })
	load.stop()
	for role, address := range addresses {
		t.Run("metrics of "+role, func(t *testing.T) { checkMetrics(t, address) })
	}
	t.Run("logs", func(t *testing.T) { checkLogs(t, slices.Collect(maps.Values(roles))) })
}

// until waits for a moment of the test's plan: what is watched needs real time.
func until(t *testing.T, moment time.Time) {
	t.Helper()
	select {
	case <-time.After(time.Until(moment)):
	case <-t.Context().Done():
		t.Fatal("out of time")
	}
}

// checkMetrics lets promtool look at what a role serves.
func checkMetrics(t *testing.T, address string) {
	cmd := exec.CommandContext(t.Context(), program(t, "promtool"), "check", "metrics")
	cmd.Stdin = strings.NewReader(get(t, "http://"+address+"/metrics"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
