package doctor_test

import (
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/doctor"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func after(d time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(d) }
}

func TestQueue(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	found, _ := visit{}.examine(t, env)
	must(t, found, "pipeline/queue", doctor.OK, "empty", "")
	waiting(t, env, "fm:{0}:raw")
	found, _ = visit{}.examine(t, env)
	must(t, found, "pipeline/queue", doctor.OK, "the oldest for ", "")
	found, _ = visit{now: after(2 * time.Minute)}.examine(t, env)
	must(t, found, "pipeline/queue", doctor.Warn, "the oldest for 2m", "flagmeter healthcheck flusher")
	found, _ = visit{now: after(20 * time.Minute)}.examine(t, env)
	must(t, found, "pipeline/queue", doctor.Fail, "the oldest for 20m",
		"flagmeter healthcheck flusher")
}

func TestLedger(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	found, _ := visit{}.examine(t, env)
	must(t, found, "pipeline/ledger", doctor.OK, "agree", "")
	execSQL(t, env, "INSERT INTO flushes (id, shard, kind, seq, rows, tokens)"+
		" VALUES (gen_random_uuid(), 0, 'raw', 7, 36000000, 1)")
	found, _ = visit{}.examine(t, env)
	must(t, found, "pipeline/ledger", doctor.Fail, "Valkey is at 0, the ledger at 7",
		"is VALKEY_URL the right server")
	err := env.Valkey.Set(t.Context(), "fm:{0}:rewound",
		"0198f3c2-7a4e-7cc1-9b7e-000000000001 7 older data", 0).Err()
	if err != nil {
		t.Fatal(err)
	}
	found, _ = visit{}.examine(t, env)
	must(t, found, "pipeline/ledger", doctor.Fail, "7 older data", "docs/RUNBOOK.md")
	// 36 million events within a minute, two windows of 3 h: 26 bytes for each.
	must(t, found, "pipeline/event ids", doctor.OK, "up to 314 GiB", "")
}

func TestDeadEvents(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	found, _ := visit{}.examine(t, env)
	must(t, found, "pipeline/dead events", doctor.OK, "none", "")
	execSQL(t, env, "INSERT INTO dead_events (batch, kind, content, reason)"+
		" VALUES (gen_random_uuid(), 'raw', '', 'test')")
	found, _ = visit{}.examine(t, env)
	must(t, found, "pipeline/dead events", doctor.Warn, "1 rows were refused", "SELECT kind, reason")
}

func TestTenants(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	found, _ := visit{settings: map[string]string{"LISTEN_ADDR": ":3000"}}.examine(t, env)
	must(t, found, "tenants/tenants", doctor.Warn, "there is none", "flagmeter tenants add")
	must(t, found, "tenants/api keys", doctor.Fail, "nobody can use the API",
		"flagmeter keys create --scope admin")
	execSQL(t, env, "INSERT INTO tenants (name) VALUES ('free'), ('gone'); UPDATE tenants"+
		" SET archived_at = now() WHERE name = 'gone'")
	found, _ = visit{}.examine(t, env)
	must(t, found, "tenants/tenants", doctor.OK, "1 active, 1 of them without a quota", "")
	must(t, found, "tenants/api keys", doctor.OK, "none is asked for", "")
	execSQL(t, env, "INSERT INTO tenants (name, monthly_quota, thresholds) VALUES ('quiet', 5, '{}')")
	found, _ = visit{}.examine(t, env)
	must(t, found, "tenants/tenants", doctor.Warn, "1 with a quota but no threshold",
		`flagmeter tenants set "quiet" --thresholds`)
}

func TestClock(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	for _, store := range []string{"clock/valkey", "clock/postgres"} {
		found, _ := visit{}.examine(t, env)
		must(t, found, store, doctor.OK, "this machine's", "")
		found, _ = visit{now: after(5 * time.Second)}.examine(t, env)
		must(t, found, store, doctor.Warn, " behind this machine's", "timedatectl set-ntp true")
		found, _ = visit{now: after(-time.Minute)}.examine(t, env)
		must(t, found, store, doctor.Fail, " ahead of this machine's", "timedatectl set-ntp true")
	}
}
