package scripts

import (
	"context"
	"fmt"
	"math"

	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Query asks for what tenants of one shard have used and the caller does not know
// from Postgres.
type Query struct {
	// Settled are the ids of sum batches the caller knows to be in Postgres.
	Settled []string
	Tenants []meter.TenantDays
	// Position is the largest position of the shard that the caller's view of Postgres contains.
	Position ledger.Position
	// MissingFrom is the Batch.Number of the first sum batch of the shard that the view may
	// not contain; Limits need it.
	MissingFrom int64
}

// Tokens returns the unsettled tokens of each tenant of q, in q's order. It makes a
// call for every 250 tenants, fewer if there are many hashes, so that none holds up Valkey for
// more than a ms or two. ErrRewound says that the sums would not fit what the caller knows from
// Postgres.
func (v *Valkey) Tokens(ctx context.Context, shard int, q Query) ([]int64, error) {
	tokens := make([]int64, 0, len(q.Tenants))
	for start, end := 0, 0; start < len(q.Tenants); start = end {
		end = min(start+v.queryChunk(shard), len(q.Tenants))
		part := q
		part.Tenants = q.Tenants[start:end]
		cmds, err := v.run(ctx, nil, usageCall(shard, part, "tokens"))
		if err != nil {
			return nil, fmt.Errorf("add up unsettled tokens: %w", err)
		}
		sums, err := v.parseTokens(shard, cmds[0], len(part.Tenants))
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, sums...)
	}
	return tokens, nil
}

// Hashes is in how many hashes of counters this process has last looked up usage: open minutes,
// late events and sum batches, of which there are 2 or 3 while the flusher works, and one more for
// every minute that Postgres is away.
func (v *Valkey) Hashes(shard int) int { return max(3, int(v.hashes[shard].Load())) }

// queryChunk is how many tenants one call adds up: it takes some 1.5 µs for a tenant and hash.
func (v *Valkey) queryChunk(shard int) int { return max(1, min(250, 1000/v.Hashes(shard))) }

// mostCounters is how many counters one call adds up by feature, about 10 ms of Valkey's time.
const mostCounters = 10_000

// Features returns the unsettled usage of each tenant of q by feature, in q's order and
// within a tenant in none. It is one call, of 2 look-ups a feature and open minute: ask for
// a few dozen tenants at a time. The usage is nil for tenants of which more wait than one call
// may add up. Its errors are those of Tokens.
func (v *Valkey) Features(ctx context.Context, shard int, q Query) ([][]meter.FeatureUsage, error) {
	cmds, err := v.run(ctx, nil, usageCall(shard, q, "features"))
	if err != nil {
		return nil, fmt.Errorf("add up unsettled features: %w", err)
	}
	reply, err := cmds[0].Slice()
	if err != nil || len(reply) != len(q.Tenants)+1 {
		return nil, fmt.Errorf("add up unsettled features: %d parts for %d tenants: %w", len(reply), len(q.Tenants), err)
	}
	all := make([][]meter.FeatureUsage, len(q.Tenants))
	for i := range all {
		rows, _ := reply[i].([]any)
		all[i] = make([]meter.FeatureUsage, 0, len(rows)/4)
		for r := 0; r+3 < len(rows); r += 4 {
			name, _ := rows[r].(string)
			high, _ := rows[r+1].(int64)
			low, _ := rows[r+2].(int64)
			events, _ := rows[r+3].(int64)
			all[i] = append(all[i], meter.FeatureUsage{Feature: name, Tokens: join(high, low), Events: events})
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
	args = append(args, minutePrefix(shard), sumPrefix(shard), what, q.Position, len(q.Settled), mostCounters)
	for _, id := range q.Settled {
		args = append(args, id)
	}
	for _, t := range q.Tenants {
		args = append(args, t.Tenant, int(t.From), int(t.To))
	}
	return call{usageScript, unsettledKeys(shard), args}
}

// unsettledKeys are the keys of the scripts that read what is not known from Postgres.
func unsettledKeys(shard int) []string {
	return []string{minutesKey(shard), lateKey(shard), sealedSumKey(shard), settledKey(shard), seqKey(shard), rewoundKey(shard)}
}

func (v *Valkey) parseTokens(shard int, cmd *redis.Cmd, tenants int) ([]int64, error) {
	parts, err := cmd.Int64Slice()
	if err != nil || len(parts) != 2*tenants+1 {
		return nil, fmt.Errorf("add up unsettled tokens: %d parts for %d tenants: %w", len(parts), tenants, err)
	}
	v.hashes[shard].Store(parts[2*tenants])
	tokens := make([]int64, tenants)
	for i := range tokens {
		tokens[i] = join(parts[2*i], parts[2*i+1])
	}
	return tokens, nil
}

// join puts high*10^9 + low together, at most 2^63-1.
func join(high, low int64) int64 {
	const unit = 1_000_000_000
	high, low = high+low/unit, low%unit
	if high > (math.MaxInt64-low)/unit {
		return math.MaxInt64
	}
	return high*unit + low
}
