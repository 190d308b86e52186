package command

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/stack"
	"github.com/eduardosanzb/flagmeter/internal/store"
	schema "github.com/eduardosanzb/flagmeter/sql"
	"github.com/eduardosanzb/flagmeter/test/kit/api"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// drill is a deployment whose Postgres can be lost: an ingest and a flusher on real stores.
type drill struct {
	*testing.T
	env      *stacktest.Env
	settings map[string]string

	// Of the roles, while they run.
	p    *process
	url  string
	f    *flusher.Flusher
	stop func()
	// ahead is by how much the flusher's clock is ahead: minutes are over at once.
	ahead time.Duration
}

func newDrill(t *testing.T) *drill {
	t.Helper()
	env := stacktest.Own(t)
	d := &drill{T: t, env: env, settings: map[string]string{"DATABASE_URL": env.DatabaseURL,
		"MIGRATE_DATABASE_URL": env.OwnerURL,
		"VALKEY_URL":           env.ValkeyURL, "BACKUP_TARGET": filepath.Join(t.TempDir(), "backups"),
		"AUTH": "off"}}
	d.run(0, "tenants", "add", "acme", "--quota", "1_000_000", "--timezone", "Asia/Kathmandu")
	d.start()
	return d
}

// run runs a command line and returns what it prints.
func (d *drill) run(status int, args ...string) string {
	d.Helper()
	var out strings.Builder
	env := Env{Getenv: func(name string) string { return d.settings[name] }}
	root := Root(Tenants(env), Backup(env), Restore(env), Audit(env), Shards(env))
	if got := Run(d.Context(), root, args, &out, &out); got != status {
		d.Fatalf("flagmeter %s: exit %d, want %d\n%s", strings.Join(args, " "), got, status, &out)
	}
	return out.String()
}

// start starts the roles.
func (d *drill) start() {
	d.Helper()
	env := Env{Getenv: func(name string) string { return d.settings[name] }}
	cfg, err := config.Load(env.Getenv, "DATABASE_URL", "VALKEY_URL")
	if err != nil {
		d.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if d.p, err = newProcess(env, cfg, log); err != nil {
		d.Fatal(err)
	}
	if err := d.p.valkey.ClaimShards(d.Context()); err != nil {
		d.Fatal(err)
	}
	if err := d.p.tenants.Start(d.Context()); err != nil {
		d.Fatal(err)
	}
	d.f = flusher.New(flusher.Options{DB: d.p.db, Valkey: d.p.valkey, Dedupe: cfg.DedupeWindow,
		Log: log, Registerer: prometheus.NewRegistry(),
		Now: func() time.Time { return time.Now().Add(d.ahead) }})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.Fatal(err)
	}
	d.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.p.serveAPI(ctx, log, listener) }()
	stopped := false
	d.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			d.Error(err)
		}
		d.p.close()
	}
	d.Cleanup(d.stop)
	d.refresh()
}

// refresh renews what the roles know from Postgres.
func (d *drill) refresh() {
	d.Helper()
	if err := d.p.tenants.Refresh(d.Context()); err != nil {
		d.Fatal(err)
	}
	if err := d.p.live.Refresh(d.Context()); err != nil {
		d.Fatal(err)
	}
}

// flush flushes what is over once the clock is ahead by that.
func (d *drill) flush(ahead time.Duration) flusher.Result {
	d.Helper()
	d.ahead += ahead
	done, err := d.f.RunOnce(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	return done
}

// send posts an event whose tokens follow from its id, and reports whether it was new.
func (d *drill) send(tenant, id string) bool {
	d.Helper()
	var answer struct{ Accepted, Duplicates int }
	api.Client{URL: d.url}.Post(d, fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":%d,"id":%q}`,
		tenant, tokensOf(id), id)).OK(d).Read(d, &answer)
	if answer.Accepted+answer.Duplicates != 1 {
		d.Fatalf("POST /events: %+v", answer)
	}
	return answer.Accepted == 1
}

// tokensOf is other for every id of the drill.
func tokensOf(id string) int64 { return int64(id[0])*1000 + int64(id[1]) }

// sendAll posts events that must all be new, or all be known.
func (d *drill) sendAll(isNew bool, tenant string, ids ...string) {
	d.Helper()
	for _, id := range ids {
		if d.send(tenant, id) != isNew {
			d.Errorf("event %s of %s: new is %v", id, tenant, !isNew)
		}
	}
}

// losePostgres kills Postgres, deletes its data and puts a new, empty one in its place, with
// roles but no tables.
func (d *drill) losePostgres() {
	d.Helper()
	d.stop()
	data := d.one("SELECT current_setting('data_directory')")
	d.env.Stack.Postgres.Kill()
	if err := os.RemoveAll(data); err != nil {
		d.Fatal(err)
	}
	fresh, err := stack.Start(d.Context(), stack.Options{Postgres: true, Fast: true})
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() {
		d.stop()
		if err := fresh.Stop(); err != nil {
			d.Error(err)
		}
	})
	if d.env.DB, err = store.Open(fresh.DatabaseURL, 2, 0); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { d.env.DB.Close() })
	statements := schema.Roles
	for name, role := range map[string]string{
		"DATABASE_URL": "flagmeter_ingest", "MIGRATE_DATABASE_URL": "flagmeter_owner",
	} {
		u, err := url.Parse(fresh.DatabaseURL)
		if err != nil {
			d.Fatal(err)
		}
		u.User = url.UserPassword(role, "drill")
		d.settings[name] = u.String()
		statements += "; ALTER ROLE " + role + " PASSWORD 'drill'"
	}
	if _, err := d.env.DB.Exec(statements); err != nil {
		d.Fatal(err)
	}
}

// arrived makes all events in Postgres have arrived earlier, so that none is on its way any more.
func (d *drill) arrived(earlier time.Duration) {
	d.Helper()
	if _, err := d.env.DB.Exec(olderIDs, earlier.Milliseconds()); err != nil {
		d.Fatal(err)
	}
}

const olderIDs = `UPDATE events SET id
	= (lpad(to_hex(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint - $1), 12, '0')
	|| right(replace(id::text, '-', ''), 20))::uuid`

// age makes everything in Postgres older.
func (d *drill) age(by time.Duration) {
	d.Helper()
	for _, statement := range []string{
		"UPDATE flushes SET committed_at = committed_at - $1 * interval '1 ms'",
		olderIDs,
	} {
		if _, err := d.env.DB.Exec(statement, by.Milliseconds()); err != nil {
			d.Fatal(err)
		}
	}
}

// one runs a query that returns one text.
func (d *drill) one(query string, args ...any) string {
	d.Helper()
	var text string
	if err := d.env.DB.Get(&text, query, args...); err != nil {
		d.Fatalf("%s: %v", query, err)
	}
	return text
}

// wantLive expects live usage of a tenant to be that of these events, each once.
func (d *drill) wantLive(tenant string, ids ...string) {
	d.Helper()
	d.refresh()
	u, err := d.p.live.Tenant(d.Context(), tenant)
	if err != nil {
		d.Fatal(err)
	}
	var want int64
	for _, id := range ids {
		want += tokensOf(id)
	}
	if u.Used[meter.Tokens] != want || u.Stale {
		d.Errorf("live usage of %s is %d (stale %v), want %d", tenant, u.Used[meter.Tokens], u.Stale,
			want)
	}
}

// wantSettled expects Postgres to have exactly the events with these ids, in events and in
// every sum, after all has been flushed.
func (d *drill) wantSettled(ids string) {
	d.Helper()
	d.flush(6 * time.Minute)
	d.flush(time.Minute)
	d.flush(2 * time.Minute) // settled sums are dropped: nothing is on its way
	got := d.one(
		"SELECT coalesce(string_agg(idempotency_key, ' ' ORDER BY idempotency_key), '') FROM events")
	if got != ids {
		d.Errorf("events in postgres: %s; want %s", got, ids)
	}
	for _, table := range []string{"rollups", "usage_daily"} {
		differ := d.one(`SELECT count(*)
			FROM (SELECT tenant, sum(tokens) AS tokens, count(*) AS n FROM events GROUP BY 1) e
			FULL JOIN (SELECT tenant, sum(total_tokens) AS tokens, sum(events) AS n
			FROM ` + table + ` GROUP BY 1) s USING (tenant)
			WHERE (e.tokens, e.n) IS DISTINCT FROM (s.tokens, s.n)`)
		if differ != "0" {
			d.Errorf("%s of %s tenants are not what events add up to", table, differ)
		}
	}
	out := d.run(0, "audit", "--to", time.Now().Add(10*time.Minute).UTC().Format(time.RFC3339))
	if !strings.Contains(out, "no drift") {
		d.Errorf("audit: %s", out)
	}
}
