package scripts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// sealBytes is the size from which ingest.lua seals the raw list: large enough for COPY to run at
// full speed, small enough for the flusher to hold several.
const sealBytes = 1 << 20

// groupTTL is how long a committer's last group number is remembered after its last group. A call
// delayed for longer could be applied twice.
const groupTTL = 24 * time.Hour

// KnownFor is how long after its last group a committer may rely on Valkey's knowing it.
const KnownFor = groupTTL / 2

// Group is what one call of ingest.lua applies: the events of several requests.
type Group struct {
	// Committer names the sender and is unique to one running group committer. Number grows with
	// every group that the committer builds. A group may be sent again with the same number if its
	// content is the same. It is applied at most once, and never after a later group of the same
	// committer.
	Committer string
	Number    int64
	// Lines are the events as lines of COPY text, without a final line feed.
	Lines []byte
	// Form is the form of the longest line (record.Form), including staged lines.
	Form int
	// Counters are the sums of the same events; each (Minute, Late, Day, Tenant,
	// Feature) at most once.
	Counters []Counter
	// IDs are the client ids among the events, and the keys of whole requests (RequestKey), each at
	// most once. A group may consist of ids only.
	IDs []EventID
	// Known is the number of the last group that this committer knows to be applied, or 0 if there
	// is none or it is older than KnownFor. KnownAt is the Position of its outcome. If Valkey does
	// not know that group, it has lost writes.
	Known   int64
	KnownAt ledger.Position
	// Limits are the limits of the group's requests; nil if there are none.
	Limits *Limits
	// Staged is where Stage has stored the lines and counters of the group, which then is one
	// request. If nil, the call carries them.
	Staged *Staged
}

// Counter is what a group adds for a tenant's feature in a minute.
type Counter struct {
	// Minute is the unix time in minutes. Late reports that it is more than two minutes ago and is
	// counted in the late hash.
	Minute          int64
	Late            bool
	Day             meter.Day
	Tenant, Feature string
	Amounts         meter.Amounts
}

// Outcome is the result for a group. If Seen or Refused is not empty, Overflow is not negative, or
// Unread or Unstaged is set, nothing was written.
type Outcome struct {
	// Unread reports that the flusher that worked last may not read lines of Group.Form.
	Unread bool
	// Unstaged reports that Valkey does not have what Group.Staged names: stage it again.
	Unstaged bool
	Seen     []Seen
	// Refused are the requests that exceed a limit, in order.
	Refused []Refusal
	// Levels are the levels of the buckets of Limits.Rates, in millionths of an event and in their
	// order; nil if the limits were not judged.
	Levels []int64
	// MostFeatures is the largest number of features of a tenant in Limits.Features, or 0 if not
	// known.
	MostFeatures int
	// Overflow is the index of the counter that would exceed 2^63-1, or -1.
	Overflow int
	// Position is the shard's position when the group was applied.
	Position ledger.Position
}

// Seen reports that the event id at Index of Group.IDs is inside the dedupe window, for the same
// content (Same) or for another one.
type Seen struct {
	Index int
	Same  bool
	// OnItsWay reports that the id belongs to another request that is neither counted nor given up
	// yet.
	OnItsWay bool
}

// ErrOldGroup reports a group whose committer has already applied a later one.
var ErrOldGroup = errors.New("a later group of this committer is applied")

// Ingest applies a group to its shard. In the same round trip, unless q is larger than a call of
// Totals, it adds up the unsettled totals that q asks for, in q's order. They are nil if the answer
// would be ErrRewound. Event ids are remembered for dedupe.
//
// After an error that is Transient the outcome is unknown: send the same group again. After
// ErrRewound do not: whether an earlier call applied it is no longer known.
func (v *Valkey) Ingest(
	ctx context.Context, shard int, g Group, dedupe time.Duration, q Query,
) (Outcome, []meter.Amounts, error) {
	calls := []call{v.ingestCall(shard, g, dedupe, q, uuid.Must(uuid.NewV7()).String())}
	oneCall := len(q.Tenants) <= v.queryChunk(shard)
	if oneCall {
		calls = append(calls, usageCall(shard, q, "totals"))
	}
	cmds, err := v.run(ctx, nil, calls...)
	applied := len(cmds) > 0 && cmds[0].Err() == nil
	if err != nil && !(applied && errors.Is(err, ErrRewound)) {
		return Outcome{}, nil, fmt.Errorf("ingest group: %w", err)
	}
	outcome, parseErr := parseOutcome(cmds[0], &g)
	v.Known(shard, outcome.Position)
	if parseErr != nil || err != nil {
		return outcome, nil, parseErr
	}
	var totals []meter.Amounts
	if oneCall {
		totals, err = v.parseTotals(shard, cmds[1], len(q.Tenants))
	} else {
		totals, err = v.Totals(ctx, shard, q)
	}
	if errors.Is(err, ErrRewound) { // another process noticed it in between: the group is applied
		return outcome, nil, nil
	}
	return outcome, totals, err
}

func (v *Valkey) ingestCall(
	shard int, g Group, dedupe time.Duration, q Query, batch string,
) call {
	sum, parts := "", ""
	if s := g.Staged; s != nil {
		batch, sum, parts = s.Raw, s.Sum, fmt.Sprintf("%d %d %s", s.Parts, s.Judged, s.Token)
	}
	hashes := g.hashes()
	tenants, events := sumUp(g.Counters)
	keys := make([]string, 0, 17+len(hashes)+3)
	keys = append(keys,
		rawKey(shard), rawBytesKey(shard), groupKey(shard, g.Committer), seqKey(shard),
		sealedRawKey(shard), rawPrefix(shard)+batch, minutesKey(shard), orderKey(shard),
		rewoundKey(shard), slicesKey(shard), acceptedKey(shard), changedKey(shard),
		lookKey(shard), stagedKey(shard), sealedSumKey(shard), readsKey(shard), holdingKey(shard))
	fields := 0
	for _, h := range hashes {
		keys = append(keys, h.key(shard))
		fields += len(h.fields)
	}
	limits := ""
	if g.Limits != nil {
		keys = append(keys, lateKey(shard), settledKey(shard), droppedKey(shard))
		limits = g.Limits.encode(shard, q)
	}
	args := make([]any, 0, 19+len(tenants)+2*len(hashes)+2*fields)
	args = append(args, g.Number, groupTTL.Milliseconds(), g.Lines, sealBytes, batch,
		windowMillis(dedupe), seenPrefix(shard), packIDs(g.IDs), requestPrefix(shard),
		v.highWater[shard].Load(), g.Known, g.KnownAt, limits,
		events, sum, parts, len(tenants), len(hashes), g.Form)
	for _, tenant := range tenants {
		args = append(args, tenant)
	}
	for _, h := range hashes {
		args = append(args, h.minute(), len(h.fields))
	}
	for _, h := range hashes {
		args = h.append(args)
	}
	return call{ingestScript, keys, args}
}

// hashes returns the counters that this call adds to. The counters of a staged group are already
// stored.
func (g *Group) hashes() []*hash {
	if g.Staged != nil {
		return nil
	}
	return hashesOf(g.Counters)
}

// parseOutcome reads the reply to a call for g.
func parseOutcome(cmd *redis.Cmd, g *Group) (Outcome, error) {
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
			out.Position = position(reply[1])
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
		hash, _ := reply[1].(int64)
		field, _ := reply[2].(int64)
		out.Overflow = g.counterOf(int(hash)-1, int(field)-1)
		return out, nil
	case "seen":
		out.Seen = parseSeen(reply[1:])
		return out, nil
	case "unread":
		out.Unread = true
		return out, nil
	case "unstaged":
		out.Unstaged = true
		return out, nil
	}
	return Outcome{}, fmt.Errorf("ingest group: unexpected reply %q", reply[0])
}
