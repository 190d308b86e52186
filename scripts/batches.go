package scripts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
)

// Batch is a sealed, immutable part of a shard's events (raw) or counters (sum).
type Batch struct {
	ID     string // a UUID
	Number int64  // order of sealing within the shard
}

// Sealed is one hand-out: the reply of seal.lua.
type Sealed struct {
	Raw, Sums []Batch
	// Settled are the ids of settled batches, which wait to be dropped (Drop).
	Settled []string
	// More reports that further batches wait, or that something that is over could not be sealed
	// yet.
	More bool
	// Position is the shard's position after this hand-out.
	Position ledger.Position
}

// ErrNotDurable reports that Valkey has not synced its append-only file in time.
var ErrNotDurable = errors.New("valkey did not sync its append-only file in time")

// Seal closes what is over before the unix minute openFrom and hands out up to most batches of each
// kind that wait for Postgres, oldest first. It returns only when Valkey has them on disk
// (WAITAOF). If Valkey lost them after the flusher had committed them, it would hand out their
// events again under new ids. With appendfsync always the wait is over at once. ErrRewound reports
// that Valkey has lost writes: see SealAll.
func (v *Valkey) Seal(ctx context.Context, shard int, openFrom int64, most int) (Sealed, error) {
	args := []any{openFrom, rawPrefix(shard), sumPrefix(shard), minutePrefix(shard), most,
		v.highWater[shard].Load(), record.Form}
	for range most + 1 {
		args = append(args, uuid.Must(uuid.NewV7()).String())
	}
	keys := []string{rawKey(shard), rawBytesKey(shard), minutesKey(shard), lateKey(shard),
		sealedRawKey(shard), sealedSumKey(shard), settledKey(shard), seqKey(shard),
		orderKey(shard), rewoundKey(shard), acceptedKey(shard), flushedKey(shard), readsKey(shard)}
	reply, err := v.durably(ctx, shard, call{sealScript, keys, args})
	if err != nil {
		return Sealed{}, fmt.Errorf("seal: %w", err)
	}
	if len(reply) != 5 {
		return Sealed{}, fmt.Errorf("seal: unexpected reply of %d parts", len(reply))
	}
	out := Sealed{More: reply[3] == int64(1)}
	out.Position = position(reply[4])
	v.Known(shard, out.Position)
	if out.Raw, err = parseBatches(reply[0]); err != nil {
		return Sealed{}, err
	}
	if out.Sums, err = parseBatches(reply[1]); err != nil {
		return Sealed{}, err
	}
	settled, _ := reply[2].([]any)
	for _, id := range settled {
		out.Settled = append(out.Settled, fmt.Sprint(id))
	}
	return out, nil
}

// durably makes a call whose effect must survive: it returns the reply once Valkey has it on disk,
// or ErrNotDurable.
func (v *Valkey) durably(ctx context.Context, shard int, c call) ([]any, error) {
	node, err := v.node(ctx, shard)
	if err != nil {
		return nil, err
	}
	var synced *redis.Cmd
	cmds, err := node.run(ctx, func(p redis.Pipeliner) {
		synced = p.Do(ctx, "WAITAOF", 1, 0, time.Second.Milliseconds())
	}, c)
	if err != nil && (len(cmds) == 0 || cmds[0].Err() != nil || !valkey.NoWaitAOF(err)) {
		return nil, err
	}
	if acks, err := synced.Int64Slice(); err == nil && (len(acks) == 0 || acks[0] < 1) {
		return nil, ErrNotDurable
	}
	return cmds[0].Slice()
}

// node returns the scripts bound to the server that holds the shard, so that WAITAOF reaches the
// same server as the call before it.
func (v *Valkey) node(ctx context.Context, shard int) (*Valkey, error) {
	cluster, ok := v.rdb.(*redis.ClusterClient)
	if !ok {
		return v, nil
	}
	node, err := cluster.MasterForKey(ctx, seqKey(shard))
	if err != nil {
		return nil, fmt.Errorf("find the master of shard %d: %w", shard, err)
	}
	return &Valkey{rdb: node, shards: v.shards,
		highWater: v.highWater, heads: v.heads, seconds: v.seconds}, nil
}

func parseBatches(reply any) ([]Batch, error) {
	parts, _ := reply.([]any)
	batches := make([]Batch, 0, len(parts)/2)
	for i := 0; i+1 < len(parts); i += 2 {
		number, err := strconv.ParseFloat(fmt.Sprint(parts[i+1]), 64)
		if err != nil {
			return nil, fmt.Errorf("seal: unexpected number: %w", err)
		}
		batches = append(batches, Batch{ID: fmt.Sprint(parts[i]), Number: int64(number)})
	}
	return batches, nil
}

// RawLines returns the groups of raw batches, each group as lines of COPY text without a final line
// feed. A batch that has been acknowledged meanwhile has none. It reads all batches in one round
// trip, because each round trip waits until Valkey has synced what ingest sends: 4 ms under full
// load.
func (v *Valkey) RawLines(ctx context.Context, shard int, ids ...string) ([][]string, error) {
	pipe := v.rdb.Pipeline()
	cmds := make([]*redis.StringSliceCmd, len(ids))
	for i, id := range ids {
		cmds[i] = pipe.LRange(ctx, rawPrefix(shard)+id, 0, -1)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read raw batches: %w", err)
	}
	groups := make([][]string, len(ids))
	for i, cmd := range cmds {
		groups[i] = cmd.Val()
	}
	return groups, nil
}

// Stored is a raw batch that is in Postgres, with its number of events, or 0 if that is not known.
// Queue then no longer counts them as waiting.
type Stored struct {
	ID     string
	Events int64
}

// Ack records that batches are in Postgres and returns how many of them still waited. It may be
// repeated.
func (v *Valkey) Ack(ctx context.Context, shard int, raw []Stored, sums []string) (int64, error) {
	args := []any{rawPrefix(shard), len(raw)}
	for _, b := range raw {
		args = append(args, b.ID, b.Events)
	}
	for _, id := range sums {
		args = append(args, id)
	}
	keys := []string{sealedRawKey(shard), sealedSumKey(shard), settledKey(shard), rawKey(shard),
		acceptedKey(shard), flushedKey(shard)}
	cmds, err := v.run(ctx, nil, call{ackScript, keys, args})
	if err != nil {
		return 0, fmt.Errorf("acknowledge batches: %w", err)
	}
	return cmds[0].Int64()
}

// Drop deletes settled sum batches. The caller must have known them as settled for longer than any
// reader uses a view of Postgres. A drop counts as a hand-out: if Valkey comes back with such a
// batch, a reader whose view no longer names it must notice.
func (v *Valkey) Drop(ctx context.Context, shard int, ids []string) error {
	args := []any{sumPrefix(shard)}
	for _, id := range ids {
		args = append(args, id)
	}
	keys := []string{settledKey(shard), seqKey(shard), droppedKey(shard), readsKey(shard)}
	cmds, err := v.run(ctx, nil, call{dropScript, keys, args})
	if err != nil {
		return fmt.Errorf("drop settled batches: %w", err)
	}
	at, err := cmds[0].Int64()
	if err != nil {
		return fmt.Errorf("drop settled batches: %w", err)
	}
	v.Known(shard, ledger.Position(at))
	return nil
}

// SumBatches are the sum batches that a shard holds at one instant.
type SumBatches struct {
	Waiting, Settled []Batch
	// DroppedThrough is the largest Number of a dropped batch, 0 if none was dropped.
	DroppedThrough int64
}

// SumBatches returns all sum batches of a shard.
func (v *Valkey) SumBatches(ctx context.Context, shard int) (all SumBatches, err error) {
	pipe := v.rdb.TxPipeline()
	waiting := pipe.ZRangeWithScores(ctx, sealedSumKey(shard), 0, -1)
	settled := pipe.ZRangeWithScores(ctx, settledKey(shard), 0, -1)
	dropped := pipe.Get(ctx, droppedKey(shard))
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return all, fmt.Errorf("list sum batches: %w", err)
	}
	all.Waiting, all.Settled = batchesOf(waiting.Val()), batchesOf(settled.Val())
	if all.DroppedThrough, err = dropped.Int64(); err != nil && !errors.Is(err, redis.Nil) {
		return all, fmt.Errorf("list sum batches: %w", err)
	}
	return all, nil
}

// Waiting returns the ids of all batches that a shard holds: raw events and sums, including settled
// ones.
func (v *Valkey) Waiting(ctx context.Context, shard int) (ids []string, err error) {
	pipe := v.rdb.TxPipeline()
	for _, key := range []string{sealedRawKey(shard), sealedSumKey(shard), settledKey(shard)} {
		pipe.ZRange(ctx, key, 0, -1)
	}
	cmds, err := pipe.Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("list batches: %w", err)
	}
	for _, cmd := range cmds {
		ids = append(ids, cmd.(*redis.StringSliceCmd).Val()...)
	}
	return ids, nil
}

func batchesOf(members []redis.Z) []Batch {
	batches := make([]Batch, len(members))
	for i, m := range members {
		id, _ := m.Member.(string)
		batches[i] = Batch{ID: id, Number: int64(m.Score)}
	}
	return batches
}
