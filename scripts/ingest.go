package scripts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// sealBytes is the size from which ingest.lua seals the raw list by itself: large
// enough for COPY to run at full speed, small enough that the flusher can hold several.
const sealBytes = 1 << 20

// groupTTL is how long a committer's last group number is remembered after its last
// group; a call delayed for longer could be applied twice.
const groupTTL = 24 * time.Hour

// KnownFor is how long after its last group a committer may rely on Valkey to know it.
const KnownFor = groupTTL / 2

// Group is what one call of ingest.lua applies: the events of several requests.
type Group struct {
	// Committer names the sender, unique to one running group committer, and Number
	// grows with every group it builds. A group may be sent again with the same
	// number as long as its content is the same; it is applied at most once, and
	// never after a later group of the same committer.
	Committer string
	Number    int64
	// Lines are the events as lines of COPY text, without a final line feed.
	Lines []byte
	// Counters are the sums of the same events; each (Minute, Late, Day, Tenant,
	// Feature) at most once.
	Counters []Counter
	// IDs are the client ids among the events, each at most once.
	IDs []EventID
	// Known is the number of the last group that this committer knows to be applied, 0
	// if it knows none or that is longer ago than KnownFor, and KnownSeq the Seq of its
	// outcome. If Valkey does not know that group, it has lost writes.
	Known, KnownSeq int64
	// Limits are what its requests may not exceed; nil if nothing limits them.
	Limits *Limits
}

// Counter is what a group adds for a tenant's feature in a minute.
type Counter struct {
	// Minute is the unix time in minutes; Late says that it is more than two
	// minutes ago and is counted in the late hash.
	Minute          int64
	Late            bool
	Day             meter.Day
	Tenant, Feature string
	Tokens, Events  int64
}

// Outcome is what became of a group. If Seen or Refused is not empty or Overflow is not
// negative, nothing was written.
type Outcome struct {
	Seen []Seen
	// Refused are the requests that exceed a limit, in their order.
	Refused []Refusal
	// Levels say how full the buckets of Limits.Rates are, in millionths of an event, in
	// their order; nil if Limits were not looked at.
	Levels []int64
	// MostFeatures is the largest number of features of a tenant in Limits.Features, 0 if
	// not known.
	MostFeatures int
	// Overflow is the index of the counter that would exceed 2^63-1, else -1.
	Overflow int
	// Seq is the shard's number of hand-outs when the group was applied.
	Seq int64
}

// Seen says that the event id at Index of Group.IDs is inside the dedupe window,
// for the same content (Same) or for another one.
type Seen struct {
	Index int
	Same  bool
}

// ErrOldGroup reports a group whose committer has already applied a later one.
var ErrOldGroup = errors.New("a later group of this committer is applied")

// Ingest applies a group to its shard and, in the same round trip unless q is larger
// than a call of Tokens, adds up the unsettled tokens q asks for, in q's order; they are
// nil if the answer would be ErrRewound. Event ids are remembered for dedupe.
//
// After an error that is Transient the outcome is unknown: send the same group again.
// After ErrRewound do not: whether an earlier call applied it is not known any more.
func (v *Valkey) Ingest(ctx context.Context, shard int, g Group, dedupe time.Duration, q Query) (Outcome, []int64, error) {
	calls := []call{v.ingestCall(shard, g, dedupe, q, uuid.Must(uuid.NewV7()).String())}
	oneCall := len(q.Tenants) <= queryChunk
	if oneCall {
		calls = append(calls, usageCall(shard, q, "tokens"))
	}
	cmds, err := v.run(ctx, nil, calls...)
	applied := len(cmds) > 0 && cmds[0].Err() == nil
	if err != nil && !(applied && errors.Is(err, ErrRewound)) {
		return Outcome{}, nil, fmt.Errorf("ingest group: %w", err)
	}
	outcome, parseErr := parseOutcome(cmds[0])
	v.Witness(shard, outcome.Seq)
	if parseErr != nil || err != nil {
		return outcome, nil, parseErr
	}
	var tokens []int64
	if oneCall {
		tokens, err = parseTokens(cmds[1], len(q.Tenants))
	} else {
		tokens, err = v.Tokens(ctx, shard, q)
	}
	if errors.Is(err, ErrRewound) { // noticed by somebody else in between: the group is applied
		return outcome, nil, nil
	}
	return outcome, tokens, err
}

func (v *Valkey) ingestCall(shard int, g Group, dedupe time.Duration, q Query, batch string) call {
	var hashKeys, hashMinutes []string
	number := map[int64]string{} // unix minute, or -1 for late, to the hash's number
	hashOf := func(c Counter) string {
		slot, key, minute := c.Minute, minutePrefix(shard)+strconv.FormatInt(c.Minute, 10), strconv.FormatInt(c.Minute, 10)
		if c.Late {
			slot, key, minute = -1, lateKey(shard), ""
		}
		if number[slot] == "" {
			hashKeys, hashMinutes = append(hashKeys, key), append(hashMinutes, minute)
			number[slot] = strconv.Itoa(len(hashKeys))
		}
		return number[slot]
	}
	counters := make([]any, 0, 7*len(g.Counters))
	for _, c := range g.Counters {
		lateMinute := ""
		if c.Late {
			lateMinute = strconv.FormatInt(c.Minute, 10)
		}
		counters = append(counters, hashOf(c), lateMinute, int(c.Day), c.Tenant, c.Feature, c.Tokens, c.Events)
	}

	keys := make([]string, 0, 13+len(hashKeys)+4)
	keys = append(keys, rawKey(shard), rawBytesKey(shard), groupKey(shard, g.Committer), seqKey(shard),
		sealedRawKey(shard), rawPrefix(shard)+batch, minutesKey(shard), orderKey(shard), rewoundKey(shard), slicesKey(shard),
		acceptedKey(shard), changedKey(shard), lookKey(shard))
	keys = append(keys, hashKeys...)
	limits := ""
	if g.Limits != nil {
		keys = append(keys, lateKey(shard), sealedSumKey(shard), settledKey(shard), droppedKey(shard))
		limits = g.Limits.encode(shard, q)
	}
	args := make([]any, 0, 13+len(hashKeys)+len(counters))
	args = append(args, g.Number, groupTTL.Milliseconds(), g.Lines, sealBytes, batch,
		windowMillis(dedupe), seenPrefix(shard), packIDs(g.IDs), len(hashKeys),
		v.witness[shard].Load(), g.Known, g.KnownSeq, limits)
	for _, minute := range hashMinutes {
		args = append(args, minute)
	}
	return call{ingestScript, keys, append(args, counters...)}
}

func parseOutcome(cmd *redis.Cmd) (Outcome, error) {
	reply, err := cmd.Slice()
	if err != nil {
		return Outcome{}, fmt.Errorf("ingest group: %w", err)
	}
	if len(reply) == 0 {
		return Outcome{}, errors.New("ingest group: empty reply")
	}
	out := Outcome{Overflow: -1}
	switch reply[0] {
	case "ok":
		if len(reply) > 1 {
			out.Seq, _ = reply[1].(int64)
		}
		if len(reply) > 3 {
			most, _ := reply[3].(int64)
			out.MostFeatures = int(most)
			out.Levels, err = parseLevels(reply[2])
		}
		return out, err
	case "refused":
		return parseRefused(out, reply)
	case "old":
		return Outcome{}, ErrOldGroup
	case "overflow":
		i, _ := reply[1].(int64)
		out.Overflow = int(i) - 1
		return out, nil
	case "seen":
		for i := 1; i+1 < len(reply); i += 2 {
			index, _ := reply[i].(int64)
			out.Seen = append(out.Seen, Seen{Index: int(index) - 1, Same: reply[i+1] == int64(1)})
		}
		return out, nil
	}
	return Outcome{}, fmt.Errorf("ingest group: unexpected reply %q", reply[0])
}
