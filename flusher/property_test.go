package flusher

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestLiveEqualsAcknowledged interleaves posts, flushes, crashes and pauses of two
// flushers at every step, renewals of two readers' views, time and ends of billing
// periods, enforced quotas, losses of writes in Valkey, and compares every reader's answer
// with a plain model after each action, and every refusal.
// At the end everything is flushed and the tables are compared with the model too.
func TestLiveEqualsAcknowledged(t *testing.T) {
	rig := newRig(t, stacktest.New(t))
	fewer(t, 40)
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t, rig)
		t.Repeat(rapid.StateMachineActions(m))
		m.finish(t)
	})
}

// fewer lowers rapid's number of checks, unless -rapid.checks was given: one check
// of this test is about 30 actions on real stores.
func fewer(t *testing.T, checks int) {
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "rapid.checks" })
	if set {
		return
	}
	before := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", fmt.Sprint(checks)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("rapid.checks", before) })
}

// zones are the tenants of the machine: no two share a calendar.
var zones = []struct {
	name, zone string
	billingDay int
}{
	{"acme", "UTC", 1},
	{"kathmandu", "Asia/Kathmandu", 31},
	{"st john's", "America/St_Johns", 15},
	{"chatham\\isles", "Pacific/Chatham", 29},
}

// counted is an acknowledged event in the model.
type counted struct {
	tenant, feature string
	tokens          int64
	at              time.Time
}

type machine struct {
	rig      *rig
	flushers []*Flusher
	readers  []*amid
	fresh    []time.Time // when each reader's view was renewed
	paused   []*pause    // by flusher, nil when it is not
	events   []counted
	posted   int
	asked    int                 // series so far
	saved    map[string]savedKey // Valkey's database at an earlier time, nil if none
	keyed    []*keyedBatch       // requests that were acknowledged under a key
}

func newMachine(t *rapid.T, r *rig) *machine {
	for _, statement := range []string{
		// Triggers that keep tenants are off in this role.
		"BEGIN; SET LOCAL session_replication_role = replica; TRUNCATE tenants, prices," +
			" tenant_names, kept_features, api_keys, events, rollups, rollups_dropped, retention," +
			" usage_daily, flushes, dead_events, slack_webhooks, webhooks, alerts, deliveries," +
			" delivery_attempts; COMMIT",
		"UPDATE tenants_version SET version = version + 1",
	} {
		if _, err := r.DB.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	// The ingest server has known an earlier machine: the empty database must look like a
	// recovered one to it, not like a loss.
	seq, err := r.Scripts.Position(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Valkey.FlushDB(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	if err := r.Valkey.Set(context.Background(), "fm:{0}:seq", seq+ledger.Epoch, 0).Err(); err != nil {
		t.Fatal(err)
	}
	for _, z := range zones {
		r.addTenant(z.name, z.zone, z.billingDay)
	}
	r.Set(time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC))
	if err := r.Tenants.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	m := &machine{rig: r, paused: make([]*pause, 2)}
	for range 2 {
		m.flushers = append(m.flushers, r.flusher())
		m.readers = append(m.readers, r.amid())
		m.fresh = append(m.fresh, time.Time{})
	}
	// before that, no key is accepted
	if _, err := m.flushers[0].RunOnce(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i := range m.readers {
		m.renew(t, i)
	}
	return m
}
