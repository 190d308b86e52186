package command

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// tenantsOfFour has a tenant of each of four shards.
var tenantsOfFour = []string{"acme", "bart", "cleo", "dora", "emil", "fred", "gina", "hugo"}

// shards moves the drill, whose roles are stopped and whose queue is empty, to that number.
func (d *drill) shards(n int) {
	d.Helper()
	d.run(0, "shards", "set", strconv.Itoa(n))
	d.run(0, "shards", "set", strconv.Itoa(n)) // it may be repeated
	d.settings["SHARDS"] = strconv.Itoa(n)
	d.start()
	if done := d.flush(0); done.Rewinds != n || done.Events != 0 {
		d.Errorf("the first run with %d shards: %+v", n, done)
	}
}

// The number of shards goes from 1 to 4 and back: no id counts twice, and nothing is hidden.
func TestDrillShardsAreChanged(t *testing.T) {
	t.Parallel() // on stores of its own, and it waits most of the time
	d := newDrill(t)
	used := map[int]bool{}
	for _, name := range tenantsOfFour {
		used[scripts.ShardOf(name, 4)] = true
		if name != "acme" {
			d.run(0, "tenants", "add", name)
		}
	}
	if len(used) != 4 {
		t.Fatalf("the tenants are in %d of 4 shards", len(used))
	}
	d.refresh()
	send := func(isNew bool, id string) {
		t.Helper()
		for _, name := range tenantsOfFour {
			d.sendAll(isNew, name, id)
		}
	}
	want := func(ids ...string) {
		t.Helper()
		for _, name := range tenantsOfFour {
			d.wantLive(name, ids...)
		}
	}
	send(true, "a1")
	d.flush(0)
	d.stop()
	wantParts(t, d.run(1, "shards", "set", "4"), "wait for postgres", "nothing was changed")
	d.start()
	send(true, "a2") // nothing was changed
	d.flush(6 * time.Minute)
	d.flush(time.Minute)
	d.ahead = 0
	d.stop()

	d.settings["SHARDS"] = "4"
	wantParts(t, d.run(1, "audit"), "placed by SHARDS=1", "set SHARDS=1", "flagmeter shards set 4")
	d.shards(4)
	send(false, "a1")
	send(false, "a2")
	send(true, "b1")
	want("a1", "a2", "b1")
	wantParts(t, d.run(0, "shards", "show"), "SHARDS=4, as it is noted")
	d.flush(6 * time.Minute)
	d.flush(time.Minute)
	d.ahead = 0
	d.stop()

	d.shards(1)
	send(false, "a1")
	send(false, "b1")
	send(true, "c1")
	want("a1", "a2", "b1", "c1")
	d.flush(6 * time.Minute)
	d.flush(time.Minute)
	d.ahead = 0
	d.stop()

	d.shards(4) // shards that were in use before
	send(false, "c1")
	send(true, "d1")
	want("a1", "a2", "b1", "c1", "d1")
	d.flush(6 * time.Minute)
	d.flush(time.Minute)
	got := d.one("SELECT count(*) || ' ' || count(DISTINCT (tenant, idempotency_key)) FROM events")
	if got != "40 40" {
		t.Errorf("events and their ids: %s, want 40 40", got)
	}
	d.flush(2 * time.Minute) // nothing is on its way
	out := d.run(0, "audit", "--to", time.Now().Add(10*time.Minute).UTC().Format(time.RFC3339))
	if !strings.Contains(out, "no drift") {
		t.Errorf("audit: %s", out)
	}
}

// A process whose number is not the one that is noted ends, and does not start.
func TestARoleEndsWhenShardsAreChanged(t *testing.T) {
	t.Parallel() // on stores of its own, and it waits most of the time
	d := newDrill(t)
	other := d.process(map[string]string{"SHARDS": "2"})
	if err := other.valkey.ClaimShards(t.Context()); !errors.Is(err, scripts.ErrShards) {
		t.Errorf("another number is taken: %v", err)
	}
	if err := other.awaitStores(t.Context()); !errors.Is(err, scripts.ErrShards) {
		t.Errorf("a role with another number waits or works: %v", err)
	}
	kept := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { kept <- d.p.keepShards(ctx) }()
	// as a Valkey that was lost
	if err := d.env.Valkey.Del(t.Context(), "fm:shards").Err(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(60 * time.Second); d.env.Valkey.Get(t.Context(),
		"fm:shards").Val() != "1"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a lost note is not written again")
		}
	}
	if err := other.valkey.MoveShards(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-kept:
		if !errors.Is(err, scripts.ErrShards) {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(60 * time.Second):
		t.Error("a running role goes on")
	}
}

// process is a process with other settings.
func (d *drill) process(settings map[string]string) *process {
	d.Helper()
	env := Env{Getenv: func(name string) string {
		if value, ok := settings[name]; ok {
			return value
		}
		return d.settings[name]
	}}
	cfg, err := config.Load(env.Getenv, "DATABASE_URL", "VALKEY_URL")
	if err != nil {
		d.Fatal(err)
	}
	p, err := newProcess(env, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(p.close)
	return p
}
