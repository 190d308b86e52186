package scripts

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Look is a reader's place in the changes of one shard: the zero value is the beginning.
type Look int64

// Changed returns the tenants of a shard whose usage has grown by an event acknowledged
// since the look before was taken, or may have, and the look to pass next time. ok is false if
// Valkey does not know that look any more, because it has lost writes: then any tenant's
// usage may differ from what the caller knows.
//
// An event is acknowledged by the call that marks its tenant, so an acknowledged event is
// either in what this returns or in what the next call will. If the reply is lost, passing
// the same look again returns all of it again.
func (v *Valkey) Changed(ctx context.Context, shard int, before Look) (tenants []string, next Look, ok bool, err error) {
	cmds, err := v.run(ctx, nil, changedCall(shard, before))
	if err != nil {
		return nil, before, false, fmt.Errorf("list changed tenants: %w", err)
	}
	return parseChanged(cmds[0], before)
}

func changedCall(shard int, before Look) call {
	return call{changedScript, []string{changedKey(shard), lookKey(shard)}, []any{int64(before)}}
}

func parseChanged(cmd *redis.Cmd, before Look) (tenants []string, next Look, ok bool, err error) {
	reply, err := cmd.Slice()
	if err != nil || len(reply) != 2 {
		return nil, before, false, fmt.Errorf("list changed tenants: reply of %d parts: %w", len(reply), err)
	}
	number, _ := reply[0].(int64)
	names, _ := reply[1].([]any)
	tenants = make([]string, 0, len(names))
	for _, name := range names {
		tenants = append(tenants, fmt.Sprint(name))
	}
	return tenants, Look(number), Look(number) >= before, nil
}
