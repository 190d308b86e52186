package scripts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/record"
)

// ErrRewound reports that Valkey has lost writes it had acknowledged: its data were replaced by
// older ones, or its append-only file was cut. Until a flusher has recovered it (SealAll ...
// Resume), nothing is accepted and nothing is sealed.
var ErrRewound = errors.New("valkey has lost writes")

// Known records that the shard has reached a position, which the ledger or a view contains.
// Positions in replies of Seal and Ingest are recorded automatically. If Valkey turns out to be
// behind, Seal and Ingest return ErrRewound.
func (v *Valkey) Known(shard int, at ledger.Position) {
	known := &v.highWater[shard]
	for have := known.Load(); have < int64(at); have = known.Load() {
		if known.CompareAndSwap(have, int64(at)) {
			return
		}
	}
}

// Position returns the shard's present position.
func (v *Valkey) Position(ctx context.Context, shard int) (ledger.Position, error) {
	at, err := v.rdb.Get(ctx, seqKey(shard)).Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("read the position of shard %d: %w", shard, err)
	}
	return ledger.Position(at), nil
}

// position decodes a position in a reply.
func position(reply any) ledger.Position {
	at, _ := reply.(int64)
	return ledger.Position(at)
}

// Rewound is a shard that has lost writes, with everything that is left in it.
type Rewound struct {
	// ID is the id, a UUID of version 7, of the marker that the process which noticed the loss
	// left.
	ID string
	// HighWater is the largest position known to the process that noticed the loss. Position is the
	// shard's position.
	HighWater, Position ledger.Position
	// Reason says what was noticed.
	Reason string
	// Restored reports that Postgres, not Valkey, has lost writes (MarkRestored). Moved reports
	// that nothing was lost, and that tenants lie in another shard than before (CloseShard). In
	// both cases the event ids that the shard knows are of no use.
	Restored, Moved bool
	// Raw and Sums are the batches that wait for Postgres.
	Raw, Sums []Batch
}

// sealAtOnce is how many batches one call of rewind.lua seals.
const sealAtOnce = 1000

// SealAll seals everything that a shard holds, including open minutes, and returns when Valkey has
// that on disk. ok is false if no process has noticed that the shard lost writes, or if it has
// already been recovered.
func (v *Valkey) SealAll(ctx context.Context, shard int) (r Rewound, ok bool, err error) {
	keys := []string{rawKey(shard), rawBytesKey(shard), minutesKey(shard), lateKey(shard),
		sealedRawKey(shard), sealedSumKey(shard), seqKey(shard), orderKey(shard), rewoundKey(shard)}
	for {
		args := []any{rawPrefix(shard), sumPrefix(shard), minutePrefix(shard)}
		for range sealAtOnce {
			args = append(args, uuid.Must(uuid.NewV7()).String())
		}
		reply, err := v.durably(ctx, shard, call{rewindScript, keys, args})
		if err != nil {
			return r, false, fmt.Errorf("seal everything: %w", err)
		}
		if len(reply) == 0 {
			return r, false, nil
		}
		if len(reply) != 5 {
			return r, false, fmt.Errorf("seal everything: unexpected reply of %d parts", len(reply))
		}
		if left, _ := reply[2].(int64); left > 0 {
			continue
		}
		return parseRewound(reply)
	}
}

func parseRewound(reply []any) (r Rewound, ok bool, err error) {
	parts := strings.SplitN(fmt.Sprint(reply[0]), " ", 3)
	if len(parts) != 3 {
		return r, false, fmt.Errorf("seal everything: unexpected marker %q", reply[0])
	}
	r.ID, r.Reason = parts[0], parts[2]
	r.Restored, r.Moved = r.Reason == postgresRestored, r.Reason == shardsChanged
	highWater, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return r, false, fmt.Errorf("seal everything: unexpected marker: %w", err)
	}
	r.HighWater, r.Position = ledger.Position(highWater), position(reply[1])
	if r.Raw, err = parseBatches(reply[3]); err != nil {
		return r, false, err
	}
	r.Sums, err = parseBatches(reply[4])
	return r, err == nil, err
}

// RememberChunk is how many ids a call of remember.lua takes: 30 ms of Valkey's time and one fsync,
// while nothing is accepted anyway.
const RememberChunk = 5000

// Remember puts back event ids that a shard may have forgotten, for the dedupe window from now,
// during the recovery with that marker. An id that the shard knows keeps its content. It may be
// repeated.
func (v *Valkey) Remember(
	ctx context.Context, shard int, marker string, dedupe time.Duration, ids []EventID,
) error {
	keys := []string{rewoundKey(shard), slicesKey(shard)}
	for chunk := range slices.Chunk(ids, RememberChunk) {
		args := []any{marker, seenPrefix(shard), windowMillis(dedupe), packIDs(chunk),
			requestPrefix(shard)}
		if _, err := v.run(ctx, nil, call{rememberScript, keys, args}); err != nil {
			return fmt.Errorf("put back event ids: %w", err)
		}
	}
	return nil
}

// Resume ends the recovery with that marker: the shard is in use again, from the given position on.
// It may be repeated.
func (v *Valkey) Resume(
	ctx context.Context, shard int, marker string, from ledger.Position,
) error {
	keys := []string{rewoundKey(shard), seqKey(shard), readsKey(shard)}
	args := []any{marker, from, record.Form}
	if _, err := v.run(ctx, nil, call{resumeScript, keys, args}); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	return nil
}
