package scripts

import (
	"context"
	"fmt"
)

// MinuteTokens is what a tenant has used in a minute and the caller does not know from
// Postgres: one of several parts, if the minute is spread over batches or local days.
type MinuteTokens struct {
	// Tenant is its place in Query.Tenants, Minute the unix time in minutes.
	Tenant         int
	Minute, Tokens int64
}

// Minutes is Tokens, and in the same look at Valkey tells apart what was used in the unix
// minute from and later ones, of any day. Events that came more than two minutes late are
// told apart only when they are in Postgres, a second or two later.
func (v *Valkey) Minutes(ctx context.Context, shard int, q Query, from int64) ([]int64, []MinuteTokens, error) {
	tokens := make([]int64, 0, len(q.Tenants))
	var apart []MinuteTokens
	for start := 0; start < len(q.Tenants); start += queryChunk {
		part := q
		part.minute = from
		part.Tenants = q.Tenants[start:min(start+queryChunk, len(q.Tenants))]
		cmds, err := v.run(ctx, nil, usageCall(shard, part, "minutes"))
		if err != nil {
			return nil, nil, fmt.Errorf("add up unsettled minutes: %w", err)
		}
		reply, err := cmds[0].Slice()
		if err != nil || len(reply)%2 != 1 {
			return nil, nil, fmt.Errorf("add up unsettled minutes: a reply of %d parts: %w", len(reply), err)
		}
		sums, err := joinAll(integers(reply[0]), len(part.Tenants))
		if err != nil {
			return nil, nil, err
		}
		tokens = append(tokens, sums...)
		for i := 1; i+1 < len(reply); i += 2 {
			minute, _ := reply[i].(int64)
			entries := integers(reply[i+1])
			for e := 0; e+2 < len(entries); e += 3 {
				apart = append(apart, MinuteTokens{start + int(entries[e]) - 1, minute, join(entries[e+1], entries[e+2])})
			}
		}
	}
	return tokens, apart, nil
}

func integers(reply any) []int64 {
	parts, _ := reply.([]any)
	all := make([]int64, len(parts))
	for i, part := range parts {
		all[i], _ = part.(int64)
	}
	return all
}
