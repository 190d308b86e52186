package doctor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/doctor"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestValkey(t *testing.T) {
	t.Parallel()
	env := stacktest.Own(t)
	// Some of it only an administrator can see.
	administrator := visit{settings: map[string]string{"VALKEY_URL": "redis://:" +
		env.Valkey.Options().Password + "@" + env.Valkey.Options().Addr + "/0"}}
	found, text := administrator.examine(t, env)
	for check, says := range map[string]string{
		"version": "Valkey ", "reachable": "answers in ", "append-only file": "written",
		"fsync":    "appendfsync always",
		"eviction": "maxmemory-policy noeviction", "snapshots": `save ""`, "small hashes": "128",
		"shards": "SHARDS=1",
	} {
		must(t, found, "valkey/"+check, doctor.OK, says, "")
	}
	if t.Failed() {
		t.Log(text)
	}
	found, _ = visit{farAway: 1}.examine(t, env)
	must(t, found, "valkey/reachable", doctor.Warn, "answers in",
		"run valkey on this machine or in the same data centre")
	must(t, found, "postgres/reachable", doctor.Warn, "answers in",
		"run postgres on this machine or in the same data centre")

	for name, c := range map[string]struct {
		values       [2]string // the bad one, and what it was
		check        string
		status       doctor.Status
		says, advice string
	}{
		"appendonly": {[2]string{"no", "yes"}, "append-only file", doctor.Fail,
			"there is none", "valkey-cli CONFIG SET appendonly yes"},
		"appendfsync": {[2]string{"everysec", "always"}, "fsync", doctor.Fail,
			"up to a second", "valkey-cli CONFIG SET appendfsync always"},
		"appendfsync no": {[2]string{"no", "always"}, "fsync", doctor.Fail,
			"no flusher can move any to Postgres", "valkey-cli CONFIG SET appendfsync always"},
		"maxmemory-policy": {[2]string{"allkeys-lru", "noeviction"}, "eviction", doctor.Fail,
			"drops events", "`maxmemory-policy noeviction` in valkey.conf"},
		"save": {[2]string{"3600 1", ""}, "snapshots", doctor.Warn, "3600 1",
			`CONFIG SET save ""`},
		"hash-max-listpack-entries": {[2]string{"512", "128"}, "small hashes", doctor.Warn, "512",
			"CONFIG SET hash-max-listpack-entries 128"},
		"maxmemory": {[2]string{used(t, env, 108), "0"}, "memory", doctor.Fail, "answered 503",
			"CONFIG SET maxmemory "},
	} {
		name, _, _ := strings.Cut(name, " ")
		set(t, env, name, c.values[0])
		found, _ := administrator.examine(t, env)
		set(t, env, name, c.values[1])
		must(t, found, "valkey/"+c.check, c.status, c.says, c.advice)
	}
	must(t, found, "valkey/memory", doctor.Warn, "without a limit", "CONFIG SET maxmemory ")
	set(t, env, "maxmemory", used(t, env, 130))
	found, _ = visit{}.examine(t, env)
	must(t, found, "valkey/memory", doctor.Warn, "used (7", "maxmemory")
	set(t, env, "maxmemory", "1gb")
	found, _ = visit{}.examine(t, env)
	must(t, found, "valkey/memory", doctor.OK, "of 1.0 GiB used", "")

	// What an account of FlagMeter cannot see it says, and measures the rest.
	must(t, found, "valkey/settings", doctor.Skip, "may not read them", "CONFIG GET save")
	must(t, found, "valkey/fsync", doctor.OK, "appendfsync always", "")
	if err := env.Valkey.Do(t.Context(), "ACL", "SETUSER", "flagmeter", "-waitaof").Err(); err != nil {
		t.Fatal(err)
	}
	found, _ = visit{}.examine(t, env)
	must(t, found, "valkey/fsync", doctor.Skip, "cannot be measured", "CONFIG GET appendfsync")
	must(t, found, "valkey/append-only file", doctor.OK, "written", "")

	waiting(t, env, "fm:{3}:raw")
	found, _ = visit{}.examine(t, env)
	must(t, found, "valkey/shards", doctor.Fail, "wait in shards beyond it",
		"set SHARDS of every role to what it was")

	env.Stack.Valkey.Kill()
	found, _ = visit{}.examine(t, env)
	must(t, found, "valkey/reachable", doctor.Fail, "connection refused",
		"systemctl start valkey-server")
	must(t, found, "pipeline/all", doctor.Skip, "needs valkey", "")
	must(t, found, "postgres/reachable", doctor.OK, "answers in", "")
}

func TestValkeyRefusesTheAccount(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	for url, advice := range map[string]string{
		"redis://flagmeter:canary-in-the-password@" + env.Valkey.Options().Addr +
			"/0": "correct user and password in VALKEY_URL",
		"redis://" + env.Valkey.Options().Addr + "/0": "correct user and password in VALKEY_URL",
	} {
		found, text := visit{settings: map[string]string{"VALKEY_URL": url}}.examine(t, env)
		must(t, found, "valkey/reachable", doctor.Fail, "does not answer", advice)
		noCanary(t, text)
	}
}

// used is that many percent of the memory in use.
func used(t *testing.T, env *stacktest.Env, percent int64) string {
	t.Helper()
	var bytes int64
	info := env.Valkey.InfoMap(t.Context(), "memory")
	if _, err := fmt.Sscan(info.Item("Memory", "used_memory"), &bytes); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(bytes * percent / 100)
}

func set(t *testing.T, env *stacktest.Env, name, value string) {
	t.Helper()
	if err := env.Valkey.ConfigSet(t.Context(), name, value).Err(); err != nil {
		t.Fatal(err)
	}
}
