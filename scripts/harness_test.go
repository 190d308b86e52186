package scripts

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

const (
	// now and today are the unix minute and the day of the events of these tests.
	now   = int64(29_700_000)
	today = meter.Day(20_625)
	// big is 2^53 + 1, the first integer that a Lua number cannot hold.
	big = int64(1)<<53 + 1
	// window is how long the tests remember event ids.
	window = time.Hour
)

// rig is a Valkey database of the test's own with the scripts on it.
type rig struct {
	*Valkey
	testing.TB
	client *redis.Client // the administrator's
	number int64         // of the last group
}

// newRig returns a rig on the Valkey that the tests of this package share.
func newRig(tb testing.TB) *rig {
	tb.Helper()
	return rigOn(tb, stacktest.New(tb))
}

// ownRig returns a rig on a Valkey that the test may treat as it likes.
func ownRig(tb testing.TB) *rig {
	tb.Helper()
	return rigOn(tb, stacktest.Own(tb))
}

func rigOn(tb testing.TB, env *stacktest.Env) *rig {
	return &rig{Valkey: New(env.AppValkey, 1), TB: tb, client: env.Valkey}
}

// chat is a counter of acme's feature chat in the minute now.
func chat(tokens int64) Counter { return counter("acme", "chat", tokens) }

func counter(tenant, feature string, tokens int64) Counter {
	return Counter{Minute: now, Day: today, Tenant: tenant, Feature: feature,
		Amounts: meter.Amounts{tokens, 1}}
}

// lateChat is a counter of acme's feature chat so many minutes before now.
func lateChat(ago, tokens int64) Counter {
	c := chat(tokens)
	c.Minute, c.Late = now-ago, true
	return c
}

// lateOf is a counter of any tenant so many minutes before now.
func lateOf(tenant, feature string, ago, tokens int64) Counter {
	c := lateChat(ago, tokens)
	c.Tenant, c.Feature = tenant, feature
	return c
}

// group is the next group of the committer c, with one line.
func (r *rig) group(counters ...Counter) Group {
	r.number++
	return Group{Committer: "c", Number: r.number, Lines: fmt.Appendf(nil, "line %d", r.number),
		Counters: counters}
}

// ingest applies a group, which must not be refused.
func (r *rig) ingest(g Group) {
	r.Helper()
	out := r.try(g)
	if out.Overflow >= 0 || len(out.Seen) > 0 {
		r.Fatalf("group %d is refused: %+v", g.Number, out)
	}
}

// add applies the next group.
func (r *rig) add(counters ...Counter) {
	r.Helper()
	r.ingest(r.group(counters...))
}

// try applies a group or has it refused.
func (r *rig) try(g Group) Outcome {
	r.Helper()
	out, _, err := r.Ingest(r.Context(), 0, g, window, Query{})
	if err != nil {
		r.Fatal(err)
	}
	return out
}

// seal closes all minutes before openFrom and returns up to 8 batches of each kind.
func (r *rig) seal(openFrom int64) Sealed {
	r.Helper()
	sealed, err := r.Seal(r.Context(), 0, openFrom, 8)
	if err != nil {
		r.Fatal(err)
	}
	return sealed
}

func (r *rig) ack(raw, sums []string) int64 {
	r.Helper()
	stored := make([]Stored, len(raw))
	for i, id := range raw {
		stored[i].ID = id
	}
	n, err := r.Ack(r.Context(), 0, stored, sums)
	if err != nil {
		r.Fatal(err)
	}
	return n
}

// tokens is what the tenant has used today, without the given sum batches.
func (r *rig) tokens(tenant string, settled ...string) int64 {
	r.Helper()
	q := Query{Settled: settled,
		Tenants: []meter.TenantDays{{Tenant: tenant, From: today, To: today + 1}}}
	totals, err := r.Totals(r.Context(), 0, q)
	if err != nil {
		r.Fatal(err)
	}
	return totals[0][meter.Tokens]
}

// tokensOf are the tokens in totals.
func tokensOf(totals []meter.Amounts) []int64 {
	tokens := make([]int64, len(totals))
	for i, n := range totals {
		tokens[i] = n[meter.Tokens]
	}
	return tokens
}

func (r *rig) sum(id string) Sum {
	r.Helper()
	sum, err := r.ReadSum(r.Context(), 0, id)
	if err != nil {
		r.Fatal(err)
	}
	return sum
}

func (r *rig) lines(id string) []string {
	r.Helper()
	lines, err := r.RawLines(r.Context(), 0, id)
	if err != nil {
		r.Fatal(err)
	}
	return lines[0]
}

func (r *rig) dump() map[string]string {
	r.Helper()
	return stacktest.Dump(r.TB, r.client)
}

// same fails the test unless the keyspace is what it was at the dump.
func (r *rig) same(before map[string]string) {
	r.Helper()
	stacktest.SameDump(r.TB, r.dump(), before)
}

// ids are the ids of batches.
func ids(batches []Batch) []string {
	out := []string{}
	for _, b := range batches {
		out = append(out, b.ID)
	}
	return out
}

// features is what Features returns.
func (r *rig) features(q Query) [][]meter.FeatureUsage {
	r.Helper()
	all, err := r.Features(r.Context(), 0, q)
	if err != nil {
		r.Fatal(err)
	}
	return all
}

func redisZ(score float64, member string) redis.Z { return redis.Z{Score: score, Member: member} }
