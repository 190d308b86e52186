package torture

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/stack"
	"github.com/eduardosanzb/flagmeter/internal/store"
	valkeyserver "github.com/eduardosanzb/flagmeter/internal/valkey"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// rig is a whole deployment under load.
type rig struct {
	t    *testing.T
	dir  string
	seed int64

	valkeys    *stack.Stack // holds Valkey
	postgreses *stack.Stack // holds Postgres
	db         *sqlx.DB     // past the proxies
	rdb        redis.UniversalClient
	front      pair // of the ingests
	back       pair // of the flushers and the alerter

	ingests  []*process
	flushers []*process
	alerter  *process
	slack    *slack
	journal  *journal
	load     *load
	watcher  *watcher
	alone    bool // one fault only: its error is not some other fault's
}

// pair are the proxies of some roles.
type pair struct{ valkey, postgres *proxy }

// tenants are those of events with ids. Their days and periods begin at different times.
var tenants = []struct {
	name, zone string
	billingDay int
}{
	{"acme-corp", "UTC", 1},
	{"globex", "America/New_York", 15},
	{"initech", "Asia/Kolkata", 28},
	{"umbrella", "Europe/Berlin", 31},
}

const (
	anonymousTenant = "anonymous"
	quota           = 1000 // tokens
	quotaStep       = 130  // tokens an event
	quotaSteps      = quota/quotaStep + 1
)

// quotaTenants are those whose usage crosses thresholds, which are quotaThresholds percent.
var quotaTenants = func() (names []string) {
	for i := range 12 {
		names = append(names, fmt.Sprintf("quota-%02d", i))
	}
	return names
}()

// byDefault is how many of them have no Slack webhook of their own.
const byDefault = 3

var quotaThresholds = []int64{50, 100}

// options are what a scenario may want of its rig.
type options struct {
	valkeyDir, postgresDir string        // empty: temporary ones
	crossings              time.Duration // in which the quotas are used up
	dedupe                 time.Duration // DEDUPE_WINDOW; 0: the default
}

// newRig starts a deployment and its load, which everything stops at the end of the test.
func newRig(t *testing.T, g *guard, seed int64, o options) *rig {
	t.Helper()
	r := &rig{t: t, dir: g.dir, seed: seed}
	began := time.Now()
	program, err := tortured()
	if err != nil {
		t.Fatal(err)
	}
	r.startStores(o)
	r.slack = newSlack(t)
	r.addTenants()

	var valkey, postgres [2]string
	r.front.valkey, valkey[0] = newProxy(t, r.valkeys.ValkeyURL)
	r.front.postgres, postgres[0] = newProxy(t, r.postgreses.DatabaseURL)
	r.back.valkey, valkey[1] = newProxy(t, r.valkeys.ValkeyURL)
	r.back.postgres, postgres[1] = newProxy(t, r.postgreses.DatabaseURL)
	role := func(name, role, addrName string, side int) *process {
		p := &process{t: t, name: name, argv: []string{program.path, role}, addr: address(t),
			pgid: g.pgid,
			log:  filepath.Join(g.dir, name+".log"), clock: filepath.Join(g.dir, name+".clock")}
		p.env = []string{
			"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + postgres[side], "VALKEY_URL=" + valkey[side],
			addrName + "=" + p.addr,
			"SLACK_WEBHOOK_URL=" + r.slack.url, "WEBHOOK_ALLOW_PRIVATE=true", "DRAIN_TIME=1s", "AUTH=off",
			clockEnv + "=" + p.clock,
		}
		if o.dedupe > 0 {
			p.env = append(p.env, "DEDUPE_WINDOW="+o.dedupe.String())
		}
		if err := p.start(""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.kill() })
		return p
	}
	for i := range 2 {
		r.ingests = append(r.ingests, role(fmt.Sprint("ingest-", i), "ingest", "LISTEN_ADDR", 0))
		r.flushers = append(r.flushers, role(fmt.Sprint("flusher-", i), "flusher", "METRICS_ADDR", 1))
	}
	r.alerter = role("alerter", "alerter", "METRICS_ADDR", 1)
	for _, p := range r.ingests {
		if err := r.awaitReady(t.Context(), p); err != nil {
			t.Fatal(fmt.Errorf("%w\n%s", err, p.tail(10)))
		}
	}
	r.journal = newJournal()
	r.load = &load{t: t, journal: r.journal, seed: seed, crossings: o.crossings,
		spread: newBalancer(r.ingests[0].addr, r.ingests[1].addr)}
	r.watcher = &watcher{rig: r, used: map[meter.Day]tokens{}}
	r.load.watch = r.watcher.watch
	r.load.begin()
	t.Logf("deployed after %.1f s", time.Since(began).Seconds())
	t.Cleanup(func() { r.load.end(0) })
	return r
}

func (r *rig) startStores(o options) {
	r.t.Helper()
	start := func(o stack.Options) *stack.Stack {
		s, err := stack.Start(r.t.Context(), o)
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { _ = s.Stop() }) // how a store ends does not matter any more
		return s
	}
	r.valkeys = start(stack.Options{Dir: o.valkeyDir, Valkey: true})
	// A kill does not lose what the kernel has, so Postgres need not wait for the disk.
	r.postgreses = start(stack.Options{Dir: o.postgresDir, Postgres: true, Fast: true})
	var err error
	if r.db, err = store.Open(r.postgreses.DatabaseURL+"&application_name=torture", 4, 0); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { r.db.Close() })
	if r.rdb, err = valkeyserver.Connect(r.valkeys.ValkeyURL); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { r.rdb.Close() })
	if _, err := schema.Migrate(r.t.Context(), r.db); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) addTenants() {
	r.t.Helper()
	add := func(query string, args ...any) {
		if _, err := r.db.ExecContext(r.t.Context(), query, args...); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, tenant := range tenants {
		add("INSERT INTO tenants (name, timezone, billing_day) VALUES ($1, $2, $3)",
			tenant.name, tenant.zone, tenant.billingDay)
	}
	add("INSERT INTO tenants (name) VALUES ($1), ($2)", anonymousTenant, watchedTenant)
	for i, name := range quotaTenants {
		add("INSERT INTO tenants (name, monthly_quota, thresholds) VALUES ($1, $2, '{50,100}')",
			name, quota)
		if i >= byDefault { // a URL of their own each: one takes a message a second
			add("INSERT INTO slack_webhooks (tenant, url) VALUES ($1, $2)", name, r.slack.url+"/"+name)
		}
	}
}

// processes are all roles.
func (r *rig) processes() []*process {
	return slices.Concat(r.ingests, r.flushers, []*process{r.alerter})
}

// heal brings back everything that a fault may have left behind, but the stores.
func (r *rig) heal(ctx context.Context) error {
	if err := heal(r.front.valkey, r.front.postgres, r.back.valkey, r.back.postgres); err != nil {
		return err
	}
	for _, p := range r.processes() {
		if p.frozen {
			if err := p.thaw(); err != nil {
				return err
			}
		}
		if !p.running() {
			if err := p.start(""); err != nil {
				return err
			}
		}
	}
	for _, p := range r.ingests {
		if err := r.awaitReady(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
