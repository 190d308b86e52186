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

// ErrShards reports that the state in Valkey is placed by another number of shards.
var ErrShards = errors.New("SHARDS is not what the state in valkey is placed by")

// ErrWaits reports that something in Valkey waits for Postgres.
var ErrWaits = errors.New("events or sums wait for postgres")

// shardsChanged is the reason of a marker that says that a shard's tenants have changed.
const shardsChanged = "SHARDS was changed"

// placedSample is how many tenants of a shard are looked at where no number is noted.
const placedSample = 1000

// ClaimShards notes this number of shards in Valkey, beside the state that it places, or
// compares it with what is noted there. Where nothing is noted, since the version before does
// not, it looks at where tenants lie. It returns ErrShards if the number is another one, and
// may be called at any time: a Valkey that was lost is told again.
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

// PlacedShards is the number of shards by which the state in Valkey is placed: as it is noted or,
// if it is not, as tenants lie. An empty Valkey is placed by any number. It reads only.
func (v *Valkey) PlacedShards(ctx context.Context) (shards int, noted bool, err error) {
	shards, err = v.noteShards(ctx, "")
	if err != nil || shards > 0 {
		return shards, shards > 0, err
	}
	shards, err = v.placedBy(ctx)
	return shards, false, err
}

func (v *Valkey) otherShards(is int) error {
	return fmt.Errorf("%w: it is placed by SHARDS=%d, and the setting is %d: set SHARDS=%d for every role; "+
		"to change it, stop ingest, let a flusher empty the queue, stop every role, and run 'flagmeter shards set %d'", ErrShards, is, v.shards, is, v.shards)
}

// noteShards is shards.lua.
func (v *Valkey) noteShards(ctx context.Context, mine string) (int, error) {
	cmds, err := v.run(ctx, nil, call{shardsScript, []string{shardsKey}, []any{mine}})
	if err != nil {
		return 0, fmt.Errorf("compare SHARDS with valkey: %w", err)
	}
	return cmds[0].Int()
}

// placedBy is the number of shards by which tenants lie where they are: today's if that is
// possible, or if no single number explains all of them, because it was changed before there
// was a note.
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

// CloseShard closes a shard before the number of shards changes, and returns when Valkey has
// that on disk: it accepts nothing until a flusher has recovered it (SealAll). end is the
// position that Postgres knows of it. It returns ErrWaits if something in it waits for
// Postgres, and may be repeated.
func (v *Valkey) CloseShard(ctx context.Context, shard int, end ledger.Position) (at ledger.Position, err error) {
	keys := []string{rewoundKey(shard), seqKey(shard), rawKey(shard), minutesKey(shard), lateKey(shard), sealedRawKey(shard), sealedSumKey(shard)}
	reply, err := v.durably(ctx, shard, call{reshardScript, keys, []any{uuid.Must(uuid.NewV7()).String(), end, shardsChanged}})
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

// MoveShards notes another number of shards than the one that is noted. All shards of both
// numbers must be closed.
func (v *Valkey) MoveShards(ctx context.Context) error {
	if err := v.rdb.Set(ctx, shardsKey, v.shards, 0).Err(); err != nil {
		return fmt.Errorf("note SHARDS in valkey: %w", err)
	}
	return nil
}
