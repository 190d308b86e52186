package scripts

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// stagedFor is how long a large request may take from its first part until it is sealed. It is
// longer than any request waits for its answer.
const stagedFor = time.Minute

// Staged names two batches of one large request, which no reader sees until Ingest seals them.
type Staged struct {
	Raw, Sum string // ids
	// Token marks the request's event ids, which count once the request does.
	Token string
	Parts int // stored so far
	// Judged is how many parts of its limits Judge has taken; 0 if Group.Limits contains them.
	Judged int
}

// NewStaged returns a pair of batches that holds nothing yet.
func NewStaged() *Staged {
	var token [8]byte
	rand.Read(token[:])
	return &Staged{Raw: uuid.Must(uuid.NewV7()).String(), Sum: uuid.Must(uuid.NewV7()).String(),
		Token: base64.RawURLEncoding.EncodeToString(token[:])}
}

func (s *Staged) pair() string { return s.Raw + " " + s.Sum }

// keys returns the keys that stage.lua and unstage.lua share.
func (s *Staged) keys(shard int) []string {
	return []string{stagedKey(shard), rawPrefix(shard) + s.Raw, sumPrefix(shard) + s.Sum,
		requestPrefix(shard) + s.Token}
}

// StagedPart is a part of a large request: lines, counters and ids as Group has them.
type StagedPart struct {
	Lines    []byte
	Counters []Counter
	IDs      []EventID
}

// Stage stores the next part of a large request. If seen is not empty, ids of the part were seen
// before and nothing of it is stored: send it again without them. ok is false if Valkey does not
// have the earlier parts: start again with a new pair. After an error that is Transient, call it
// again with the same part. A pair that is not sealed is deleted a minute after its first part.
func (v *Valkey) Stage(ctx context.Context, shard int, s *Staged, p StagedPart,
	dedupe time.Duration) (seen []Seen, ok bool, err error) {
	staged := make([]Counter, len(p.Counters))
	for i, c := range p.Counters {
		c.Late = true // whatever its minute is
		staged[i] = c
	}
	keys := append(s.keys(shard), slicesKey(shard))
	args := []any{s.pair(), s.Parts + 1, p.Lines, stagedFor.Milliseconds(),
		rawPrefix(shard), sumPrefix(shard),
		windowMillis(dedupe), seenPrefix(shard), packIDs(p.IDs), requestPrefix(shard), s.Token}
	for _, h := range hashesOf(staged) { // one
		args = h.append(args)
	}
	cmds, err := v.run(ctx, nil, call{stageScript, keys, args})
	if err != nil {
		return nil, false, fmt.Errorf("stage a part of a request: %w", err)
	}
	reply, err := cmds[0].Slice()
	if err != nil || len(reply) == 0 {
		return nil, false, fmt.Errorf("stage a part of a request: %d parts: %w", len(reply), err)
	}
	switch reply[0] {
	case "ok":
		s.Parts++
		return nil, true, nil
	case "seen":
		return parseSeen(reply[1:]), true, nil
	}
	return nil, false, nil
}

// Unstage gives up a pair, unless it is sealed: a call of Ingest whose reply was lost may have
// sealed it.
func (v *Valkey) Unstage(ctx context.Context, shard int, s *Staged) error {
	keys := append(s.keys(shard), holdingKey(shard), judgedKey(shard, s.Token))
	if _, err := v.run(ctx, nil, call{unstageScript, keys, []any{s.pair(), s.Token}}); err != nil {
		return fmt.Errorf("give up a staged request: %w", err)
	}
	return nil
}

// parseSeen reads pairs as ingest.lua returns them.
func parseSeen(reply []any) (seen []Seen) {
	for i := 0; i+1 < len(reply); i += 2 {
		index, _ := reply[i].(int64)
		seen = append(seen, Seen{Index: int(index) - 1,
			Same: reply[i+1] == int64(1), OnItsWay: reply[i+1] == int64(2)})
	}
	return seen
}
