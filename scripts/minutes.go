package scripts

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
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
	q.minute = from
	chunks := (len(q.Tenants) + queryChunk - 1) / queryChunk
	tokens, apart := make([]int64, len(q.Tenants)), make([][]MinuteTokens, chunks)
	// Two at a time: Valkey works on one while this process reads the answer to the other,
	// and still gets to other clients between them.
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for chunk := range chunks {
		start := chunk * queryChunk
		part := q
		part.Tenants = q.Tenants[start:min(start+queryChunk, len(q.Tenants))]
		group.Go(func() (err error) {
			apart[chunk], err = v.minutes(ctx, shard, part, start, tokens[start:start+len(part.Tenants)])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, fmt.Errorf("add up unsettled minutes: %w", err)
	}
	return tokens, slices.Concat(apart...), nil
}

// minutes is one call of Minutes, about the tenants from start on.
func (v *Valkey) minutes(ctx context.Context, shard int, q Query, start int, tokens []int64) ([]MinuteTokens, error) {
	cmds, err := v.run(ctx, nil, usageCall(shard, q, "minutes"))
	if err != nil {
		return nil, err
	}
	reply, err := cmds[0].Slice()
	if err != nil || len(reply)%2 != 1 {
		return nil, fmt.Errorf("a reply of %d parts: %w", len(reply), err)
	}
	sums, err := joinAll(integers(reply[0]), len(q.Tenants))
	if err != nil {
		return nil, err
	}
	copy(tokens, sums)
	var apart []MinuteTokens
	for i := 1; i+1 < len(reply); i += 2 {
		minute, _ := reply[i].(int64)
		entries := integers(reply[i+1])
		for e := 0; e+2 < len(entries); e += 3 {
			apart = append(apart, MinuteTokens{start + int(entries[e]) - 1, minute, join(entries[e+1], entries[e+2])})
		}
	}
	return apart, nil
}

func integers(reply any) []int64 {
	parts, _ := reply.([]any)
	all := make([]int64, len(parts))
	for i, part := range parts {
		all[i], _ = part.(int64)
	}
	return all
}
