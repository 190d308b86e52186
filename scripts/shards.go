package scripts

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
)

// ErrShards reports that another number of shards places the state in Valkey.
var ErrShards = errors.New("SHARDS is not what the state in valkey is placed by")

// ErrWaits reports that something in Valkey waits for Postgres.
var ErrWaits = errors.New("events or sums wait for postgres")

// shardsChanged is the reason in a marker for a shard whose tenants have changed.
const shardsChanged = "SHARDS was changed"

// placedSample is how many tenants of a shard are examined if no number is noted.
const placedSample = 1000

// ClaimShards notes this number of shards in Valkey, with the state that it places, or compares it
// with the noted number. If none is noted, because the previous version does not write it,
// ClaimShards examines in which shards tenants lie. It returns ErrShards if the number differs. It
// may be called at any time: after Valkey was lost, it notes the number again.
func (v *Valkey) ClaimShards(ctx context.Context) error {
	placed, noted, err := v.PlacedShards(ctx)
	if err != nil {
		return err
	}
	if placed == v.shards && !noted {
		placed, err = v.noteShards(ctx, strconv.Itoa(v.shards)) // another process may be first
	}
	if err == nil && placed != v.shards {
		err = v.otherShards(placed)
	}
	return err
}

// PlacedShards returns the number of shards that places the state in Valkey: the noted number or,
// if there is none, a number that explains in which shards tenants lie. Any number places an empty
// Valkey. It only reads.
func (v *Valkey) PlacedShards(ctx context.Context) (shards int, noted bool, err error) {
	shards, err = v.noteShards(ctx, "")
	if err != nil || shards > 0 {
		return shards, shards > 0, err
	}
	shards, err = v.placedBy(ctx)
	return shards, false, err
}

func (v *Valkey) otherShards(is int) error {
	return fmt.Errorf("%w: it is placed by SHARDS=%d, and the setting is %d: set SHARDS=%d for"+
		" every role; to change it, stop ingest, let a flusher empty the queue, stop every role,"+
		" and run 'flagmeter shards set %d'", ErrShards, is, v.shards, is, v.shards)
}

// noteShards calls shards.lua.
func (v *Valkey) noteShards(ctx context.Context, mine string) (int, error) {
	cmds, err := v.run(ctx, nil, call{shardsScript, []string{shardsKey}, []any{mine}})
	if err != nil {
		return 0, fmt.Errorf("compare SHARDS with valkey: %w", err)
	}
	return cmds[0].Int()
}

// placedBy returns a number of shards that explains in which shards tenants lie. It prefers the
// present number, also if no single number explains all of them, because the number was changed
// before notes existed.
func (v *Valkey) placedBy(ctx context.Context) (int, error) {
	cmds := make([]*redis.StringSliceCmd, ledger.MaxShards)
	_, err := v.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for shard := range cmds {
			cmds[shard] = pipe.ZRange(ctx, changedKey(shard), 0, placedSample-1)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("look where tenants lie: %w", err)
	}
	explains := func(shards int) bool {
		for shard, cmd := range cmds {
			for _, tenant := range cmd.Val() {
				if ShardOf(tenant, shards) != shard {
					return false
				}
			}
		}
		return true
	}
	if explains(v.shards) {
		return v.shards, nil
	}
	for shards := 1; shards <= ledger.MaxShards; shards++ {
		if explains(shards) {
			return shards, nil
		}
	}
	return v.shards, nil
}

// CloseShard closes a shard before the number of shards changes, and returns when Valkey has that
// on disk. The shard accepts nothing until a flusher has recovered it (SealAll). end is the shard's
// position in Postgres. It returns ErrWaits if something in the shard waits for Postgres. It may be
// repeated.
func (v *Valkey) CloseShard(
	ctx context.Context, shard int, end ledger.Position,
) (at ledger.Position, err error) {
	keys := []string{rewoundKey(shard), seqKey(shard), rawKey(shard), minutesKey(shard),
		lateKey(shard), sealedRawKey(shard), sealedSumKey(shard)}
	args := []any{uuid.Must(uuid.NewV7()).String(), end, shardsChanged}
	reply, err := v.durably(ctx, shard, call{reshardScript, keys, args})
	if err != nil {
		return 0, fmt.Errorf("close shard %d: %w", shard, err)
	}
	if len(reply) != 2 {
		return 0, fmt.Errorf("close shard %d: unexpected reply of %d parts", shard, len(reply))
	}
	at = position(reply[1])
	if reply[0] != int64(1) {
		return at, fmt.Errorf("shard %d: %w", shard, ErrWaits)
	}
	return at, nil
}

// MoveShards replaces the noted number of shards. All shards of both numbers must be closed.
func (v *Valkey) MoveShards(ctx context.Context) error {
	if err := v.rdb.Set(ctx, shardsKey, v.shards, 0).Err(); err != nil {
		return fmt.Errorf("note SHARDS in valkey: %w", err)
	}
	return nil
}
