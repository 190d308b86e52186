package scripts

import (
	"context"
	"fmt"
)

// Judgement is the verdict of some of a large request's limits.
type Judgement struct {
	// Unstaged reports that Valkey does not have the request or its earlier judgements: stage it
	// again.
	Unstaged bool
	Refused  []Refusal // at most one
	Levels   []int64   // see Outcome
	// MostFeatures is as in Outcome, and 0 if nothing was taken.
	MostFeatures int
}

// Judge compares a staged request, the only one in l, with a part of its limits. With take it also
// charges rates and features, and holds the tokens that the request needs of quotas until it is
// counted or given up. After an error that is Transient, call it again with the same part.
func (v *Valkey) Judge(ctx context.Context, shard int, s *Staged, l *Limits, q Query,
	take bool) (Judgement, error) {
	part := 0
	if take {
		part = s.Judged + 1
	}
	keys := []string{requestPrefix(shard) + s.Token, judgedKey(shard, s.Token), holdingKey(shard),
		seqKey(shard), minutesKey(shard), sealedSumKey(shard), lateKey(shard), settledKey(shard),
		droppedKey(shard)}
	args := []any{l.encode(shard, q), part, s.Token, stagedFor.Milliseconds()}
	cmds, err := v.run(ctx, nil, call{judgeScript, keys, args})
	if err != nil {
		return Judgement{}, fmt.Errorf("judge a request: %w", err)
	}
	reply, err := cmds[0].Slice()
	if err != nil || len(reply) == 0 {
		return Judgement{}, fmt.Errorf("judge a request: %d parts: %w", len(reply), err)
	}
	var j Judgement
	switch reply[0] {
	case "ok":
		s.Judged = max(s.Judged, part)
		if len(reply) > 2 {
			most, _ := reply[2].(int64)
			j.MostFeatures = int(most)
			j.Levels, err = parseLevels(reply[1])
		}
		return j, err
	case "refused":
		out, err := parseRefused(Outcome{}, reply)
		j.Refused, j.Levels = out.Refused, out.Levels
		return j, err
	}
	j.Unstaged = true
	return j, nil
}
