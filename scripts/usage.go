package scripts

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Query asks for what tenants of one shard have used, as far as the caller does not know it from
// Postgres.
type Query struct {
	// Settled are the ids of sum batches that the caller knows to be in Postgres.
	Settled []string
	Tenants []meter.TenantDays
	// Position is the largest position of the shard that the caller's view of Postgres contains.
	Position ledger.Position
	// MissingFrom is the Batch.Number of the first sum batch of the shard that the view may lack;
	// Limits need it.
	MissingFrom int64
}

// Totals returns the unsettled totals of each tenant of q, in q's order. It makes one call for
// every 250 tenants, or fewer if there are many hashes, so that no call blocks Valkey for more than
// a millisecond or two. ErrRewound reports that the sums would not match what the caller knows from
// Postgres.
func (v *Valkey) Totals(ctx context.Context, shard int, q Query) ([]meter.Amounts, error) {
	totals := make([]meter.Amounts, 0, len(q.Tenants))
	for start, end := 0, 0; start < len(q.Tenants); start = end {
		end = min(start+v.queryChunk(shard), len(q.Tenants))
		part := q
		part.Tenants = q.Tenants[start:end]
		cmds, err := v.run(ctx, nil, usageCall(shard, part, "totals"))
		if err != nil {
			return nil, fmt.Errorf("add up unsettled totals: %w", err)
		}
		sums, err := v.parseTotals(shard, cmds[0], len(part.Tenants))
		if err != nil {
			return nil, err
		}
		totals = append(totals, sums...)
	}
	return totals, nil
}

// Hashes returns in how many hashes of counters this process has last looked up usage: open
// minutes, late events and sum batches. There are 2 or 3 while the flusher works, and one more for
// every minute that Postgres is down.
func (v *Valkey) Hashes(shard int) int { return max(3, int(v.hashes[shard].Load())) }

// queryChunk returns how many tenants one call adds up. A tenant and hash takes about 1.5 µs.
func (v *Valkey) queryChunk(shard int) int { return max(1, min(250, 1000/v.Hashes(shard))) }

// mostCounters is how many counters one call adds up by feature, about 10 ms of Valkey's time.
const mostCounters = 10_000

// Features returns the unsettled usage of each tenant of q by feature, in q's order; the features
// of a tenant are in no order. It is one call with 2 lookups per feature and open minute, so ask
// for a few dozen tenants at a time. The usage is nil for a tenant of which more waits than one
// call may add up. Its errors are those of Totals.
func (v *Valkey) Features(ctx context.Context, shard int, q Query) ([][]meter.FeatureUsage, error) {
	cmds, err := v.run(ctx, nil, usageCall(shard, q, "features"))
	if err != nil {
		return nil, fmt.Errorf("add up unsettled features: %w", err)
	}
	reply, err := cmds[0].Slice()
	if err != nil || len(reply) != len(q.Tenants)+1 {
		return nil, fmt.Errorf("add up unsettled features: %d parts for %d tenants: %w",
			len(reply), len(q.Tenants), err)
	}
	all := make([][]meter.FeatureUsage, len(q.Tenants))
	for i := range all {
		rows, _ := reply[i].([]any)
		const width = 1 + 2*int(meter.NumAmounts)
		all[i] = make([]meter.FeatureUsage, 0, len(rows)/width)
		for row := range slices.Chunk(rows, width) {
			name, _ := row[0].(string)
			f := meter.FeatureUsage{Feature: name}
			for a := range f.Used {
				high, _ := row[1+2*a].(int64)
				low, _ := row[2+2*a].(int64)
				f.Used[a] = join(high, low)
			}
			all[i] = append(all[i], f)
		}
	}
	tooMany, _ := reply[len(all)].([]any)
	for _, place := range tooMany {
		i, _ := place.(int64)
		all[i-1] = nil
	}
	return all, nil
}

func usageCall(shard int, q Query, what string) call {
	args := make([]any, 0, 6+len(q.Settled)+3*len(q.Tenants))
	args = append(args, minutePrefix(shard), sumPrefix(shard), what, q.Position,
		len(q.Settled), mostCounters)
	for _, id := range q.Settled {
		args = append(args, id)
	}
	for _, t := range q.Tenants {
		args = append(args, t.Tenant, int(t.From), int(t.To))
	}
	return call{usageScript, unsettledKeys(shard), args}
}

// unsettledKeys returns the keys of the scripts that read unsettled usage.
func unsettledKeys(shard int) []string {
	return []string{minutesKey(shard), lateKey(shard), sealedSumKey(shard), settledKey(shard),
		seqKey(shard), rewoundKey(shard)}
}

// parseTotals reads the reply to usageCall for 'totals'.
func (v *Valkey) parseTotals(shard int, cmd *redis.Cmd, tenants int) ([]meter.Amounts, error) {
	parts, err := cmd.Int64Slice()
	if err != nil || len(parts) != 2*len(totalled)*tenants+1 {
		return nil, fmt.Errorf("add up unsettled totals: %d parts for %d tenants: %w",
			len(parts), tenants, err)
	}
	totals := make([]meter.Amounts, tenants)
	for i := range totals {
		for _, a := range totalled {
			totals[i][a] = join(parts[0], parts[1])
			parts = parts[2:]
		}
	}
	v.hashes[shard].Store(parts[0])
	return totals, nil
}

// join returns high*10^9 + low. It stops at 2^63-1 and -(2^63-1).
func join(high, low int64) int64 {
	const unit = 1_000_000_000
	high, low = high+low/unit, low%unit
	switch { // give both parts one sign
	case high > 0 && low < 0:
		high, low = high-1, low+unit
	case high < 0 && low > 0:
		high, low = high+1, low-unit
	}
	switch {
	case high > 0 && high > (math.MaxInt64-low)/unit:
		return math.MaxInt64
	case high < 0 && high < (-math.MaxInt64-low)/unit:
		return -math.MaxInt64
	}
	return high*unit + low
}
