package flusher

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
	"github.com/eduardosanzb/flagmeter/internal/usage"
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
		"BEGIN; SET LOCAL session_replication_role = replica; TRUNCATE tenants, tenant_names, kept_features, api_keys, events, rollups, rollups_dropped, retention, usage_daily, flushes, dead_events, slack_webhooks, webhooks, alerts, deliveries, delivery_attempts; COMMIT",
		"UPDATE tenants_version SET version = version + 1",
	} {
		if _, err := r.DB.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	// The ingest server has known an earlier machine: the empty database must look like a
	// recovered one to it, not like a loss.
	seq, err := r.valkey.Seq(context.Background(), 0)
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
	r.setTime(time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC))
	if err := r.dir.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	m := &machine{rig: r, paused: make([]*pause, 2)}
	for range 2 {
		m.flushers = append(m.flushers, r.flusher())
		m.readers = append(m.readers, r.amid())
		m.fresh = append(m.fresh, time.Time{})
	}
	if _, err := m.flushers[0].RunOnce(context.Background()); err != nil { // before that, no key is accepted
		t.Fatal(err)
	}
	for i := range m.readers {
		m.renew(t, i)
	}
	return m
}

// Post sends one event or a small batch, now or backdated, some ahead of time, and some batches
// under a key.
func (m *machine) Post(t *rapid.T) {
	n := rapid.IntRange(1, 4).Draw(t, "events")
	now := m.rig.now()
	body := "["
	var batch []counted
	for i := range n {
		z := zones[rapid.IntRange(0, len(zones)-1).Draw(t, "tenant")]
		e := counted{tenant: z.name, feature: rapid.SampledFrom([]string{"chat", "code", `back\slash`}).Draw(t, "feature"),
			tokens: rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, meter.MaxTokens)).Draw(t, "tokens"), at: now}
		ago := rapid.SampledFrom([]time.Duration{0, 0, time.Second, time.Minute, 90 * time.Second, 5 * time.Minute,
			time.Hour, 26 * time.Hour, 20 * 24 * time.Hour, 34 * 24 * time.Hour, -4 * time.Minute}).Draw(t, "ago")
		if i > 0 {
			body += ","
		}
		timestamp := ""
		if ago != 0 {
			e.at = now.Add(-ago)
			timestamp = fmt.Sprintf(`,"timestamp":%q`, e.at.Format(time.RFC3339Nano))
		}
		m.posted++
		id := ""
		if rapid.Bool().Draw(t, "with id") {
			id = fmt.Sprintf(`,"id":"e%d"`, m.posted)
		}
		body += fmt.Sprintf(`{"tenant":%q,"feature":%q,"tokens":%d%s%s}`, e.tenant, e.feature, e.tokens, timestamp, id)
		batch = append(batch, e)
	}
	key := ""
	if n > 1 && rapid.Bool().Draw(t, "under a key") {
		key = fmt.Sprintf("k%d", m.posted)
	}
	status, answer := m.rig.postUnder(key, body+"]")
	if tenant := m.over(batch); tenant != "" {
		if status != http.StatusPaymentRequired || !strings.Contains(answer, "/problems/quota-exceeded") {
			t.Fatalf("POST /events: %d %s; the quota of %s is used up", status, answer, tenant)
		}
		return
	}
	if status != http.StatusOK {
		t.Fatalf("POST /events: %d %s", status, answer)
	}
	m.events = append(m.events, batch...)
	if key != "" {
		m.keyed = append(m.keyed, &keyedBatch{key: key, body: body + "]", events: batch, at: now})
	}
}

// Enforce gives a tenant a quota that it soon crosses, or has used up, or none.
func (m *machine) Enforce(t *rapid.T) {
	tenant, _ := m.rig.dir.Get(zones[rapid.IntRange(1, len(zones)-1).Draw(t, "tenant")].name) // Rewind probes the first
	var used int64
	for _, f := range m.features(tenant) {
		used += f.Tokens
	}
	quota := max(1, used+rapid.Int64Range(-meter.MaxTokens/10, 4*meter.MaxTokens).Draw(t, "left"))
	mode := rapid.SampledFrom([]string{"off", "soft", "soft", "strict", "strict"}).Draw(t, "mode")
	if _, err := m.rig.DB.Exec("UPDATE tenants SET monthly_quota = $2, enforce = $3 WHERE name = $1", tenant.Name, quota, mode); err != nil {
		t.Fatal(err)
	}
	if err := m.rig.dir.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// over is a tenant whose quota refuses the batch, "" if there is none.
func (m *machine) over(batch []counted) string {
	for _, z := range zones {
		tenant, _ := m.rig.dir.Get(z.name)
		period := tenant.Period(m.rig.now())
		var used, tokens, last int64
		for _, f := range m.features(tenant) {
			used += f.Tokens
		}
		for _, e := range batch {
			if e.tenant == z.name && period.Contains(tenant.Day(e.at)) {
				tokens += e.tokens
				if e.tokens > 0 {
					last = e.tokens
				}
			}
		}
		switch {
		case tokens == 0:
		case tenant.Enforce == meter.EnforceSoft && used+tokens-last >= tenant.Quota:
			return z.name
		case tenant.Enforce == meter.EnforceStrict && used+tokens > tenant.Quota:
			return z.name
		}
	}
	return ""
}

// Flush lets a flusher run to its end.
func (m *machine) Flush(t *rapid.T) {
	f := m.idle(t)
	if _, err := f.RunOnce(context.Background()); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

var errCrash = errors.New("crash")

// Crash ends a flusher after one of its steps; another process takes its place.
func (m *machine) Crash(t *rapid.T) {
	f := m.idle(t)
	at := step(rapid.IntRange(int(stepDurable), int(stepDrop)).Draw(t, "step"))
	f.after = func(s step) error {
		if s == at {
			return errCrash
		}
		return nil
	}
	if _, err := f.RunOnce(context.Background()); err != nil && !errors.Is(err, errCrash) {
		t.Fatalf("flush with a crash after step %d: %v", at, err)
	}
	m.flushers[slices.Index(m.flushers, f)] = m.rig.flusher()
}

// pause is a flusher that sleeps in the middle of a run.
type pause struct {
	reached chan struct{}
	wake    chan struct{}
	done    chan error
}

// Pause stops a flusher outside its transaction, as SIGSTOP would.
func (m *machine) Pause(t *rapid.T) {
	f := m.idle(t)
	at := rapid.SampledFrom([]step{stepDurable, stepRead, stepCommit, stepAck}).Draw(t, "step")
	p := &pause{make(chan struct{}), make(chan struct{}), make(chan error, 1)}
	f.after = func(s step) error {
		if s == at {
			f.after = func(step) error { return nil }
			close(p.reached)
			<-p.wake
		}
		return nil
	}
	go func() {
		_, err := f.RunOnce(context.Background())
		p.done <- err
	}()
	select {
	case <-p.reached:
		m.paused[slices.Index(m.flushers, f)] = p
	case err := <-p.done: // nothing to do, the step was not reached
		f.after = func(step) error { return nil }
		if err != nil {
			t.Fatalf("flush: %v", err)
		}
	}
}

// Wake lets a paused flusher go on, however much has happened since.
func (m *machine) Wake(t *rapid.T) {
	for i, p := range m.paused {
		if p != nil {
			m.wake(t, i)
			return
		}
	}
	t.Skip("none is paused")
}

func (m *machine) wake(t *rapid.T, i int) {
	close(m.paused[i].wake)
	if err := <-m.paused[i].done; err != nil {
		t.Fatalf("flush after a pause: %v", err)
	}
	m.paused[i] = nil
}

// idle is a flusher that is not paused.
func (m *machine) idle(t *rapid.T) *Flusher {
	i := rapid.IntRange(0, 1).Draw(t, "flusher")
	if m.paused[i] != nil {
		i = 1 - i
	}
	if m.paused[i] != nil {
		t.Skip("both are paused")
	}
	return m.flushers[i]
}

// Renew reads a reader's view again.
func (m *machine) Renew(t *rapid.T) {
	m.renew(t, rapid.IntRange(0, len(m.readers)-1).Draw(t, "reader"))
}

// RenewAmid lets a flusher run between the two halves of a renewal.
func (m *machine) RenewAmid(t *rapid.T) {
	f := m.idle(t)
	i := rapid.IntRange(0, len(m.readers)-1).Draw(t, "reader")
	m.readers[i].do = func() {
		if _, err := f.RunOnce(context.Background()); err != nil {
			t.Fatalf("flush amid a renewal: %v", err)
		}
	}
	m.renew(t, i)
}

func (m *machine) renew(t *rapid.T, i int) {
	if err := m.readers[i].Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	m.fresh[i] = m.rig.now()
}

// Wait lets time pass: within a minute, past the grace, or for days.
func (m *machine) Wait(t *rapid.T) {
	m.rig.advance(rapid.SampledFrom([]time.Duration{time.Second, 7 * time.Second, 29 * time.Second, 31 * time.Second,
		61 * time.Second, 4 * time.Minute, 3 * time.Hour, 3 * 24 * time.Hour}).Draw(t, "time"))
}

// MonthEnd moves to just before or just after the end of a tenant's period.
func (m *machine) MonthEnd(t *rapid.T) {
	tenant, _ := m.rig.dir.Get(zones[rapid.IntRange(0, len(zones)-1).Draw(t, "tenant")].name)
	end := tenant.Period(m.rig.now()).End
	m.rig.setTime(end.Add(rapid.SampledFrom([]time.Duration{-time.Second, 0, time.Second}).Draw(t, "side")))
}

// Reconfigure moves a tenant's billing day, as an operator does by SQL.
func (m *machine) Reconfigure(t *rapid.T) {
	z := zones[rapid.IntRange(0, len(zones)-1).Draw(t, "tenant")]
	day := rapid.IntRange(1, 31).Draw(t, "billing day")
	if _, err := m.rig.DB.Exec("UPDATE tenants SET billing_day = $2 WHERE name = $1", z.name, day); err != nil {
		t.Fatal(err)
	}
	if err := m.rig.dir.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// Check compares every reader with the model.
func (m *machine) Check(t *rapid.T) {
	for i := range m.readers {
		if !m.agrees(t, i) {
			m.renew(t, i)
			if !m.agrees(t, i) {
				t.Fatalf("reader %d is stale right after its view was renewed", i)
			}
		}
	}
}

// agrees reports whether a reader answers, and fails if it answers wrongly. A reader
// may say that it is stale only if its view is older than the grace.
func (m *machine) agrees(t *rapid.T, i int) bool {
	all, err := m.readers[i].All(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(zones) {
		t.Fatalf("reader %d knows %d tenants, want %d", i, len(all), len(zones))
	}
	for _, total := range all {
		one, err := m.readers[i].Tenant(context.Background(), total.Tenant.Name)
		if err != nil {
			t.Fatal(err)
		}
		if total.Stale || one.Stale {
			if age := m.rig.now().Sub(m.fresh[i]); age < usage.Grace {
				t.Fatalf("reader %d says stale with a view of %v", i, age)
			}
			return false
		}
		want := m.features(total.Tenant)
		got := map[string]meter.FeatureUsage{}
		var sum int64
		for _, f := range one.Features {
			got[f.Feature] = f
			sum += f.Tokens
		}
		if !maps.Equal(got, want) {
			t.Fatalf("reader %d, %s: features are %v, acknowledged %v", i, total.Tenant.Name, got, want)
		}
		if one.Tokens != sum || total.Tokens != sum {
			t.Fatalf("reader %d, %s: one says %d, all says %d, features add up to %d", i, total.Tenant.Name, one.Tokens, total.Tokens, sum)
		}
	}
	m.compareSeries(t, i)
	m.compareOverview(t, i)
	return true
}

// features is the model's usage of a tenant in its current period.
func (m *machine) features(tenant meter.Tenant) map[string]meter.FeatureUsage {
	period := tenant.Period(m.rig.now())
	sums := map[string]meter.FeatureUsage{}
	for _, e := range m.events {
		if e.tenant == tenant.Name && period.Contains(tenant.Day(e.at)) {
			f := sums[e.feature]
			sums[e.feature] = meter.FeatureUsage{Feature: e.feature, Tokens: f.Tokens + e.tokens, Events: f.Events + 1}
		}
	}
	return sums
}
