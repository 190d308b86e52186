package scripts

import (
	"context"
	"fmt"
)

// ChangeCursor is a reader's place in the changes of one shard. The zero value is the beginning.
type ChangeCursor int64

// ChangesSince returns the tenants of a shard whose usage has grown, or may have, by events
// acknowledged since the cursor before was returned, and the cursor to pass next time. ok is false
// if Valkey no longer knows the cursor, because it has lost writes. Any tenant's usage may then
// differ from what the caller knows.
//
// The call that acknowledges an event also marks its tenant, so either this reply or the next one
// contains it. If the reply is lost, passing the same cursor again returns everything again.
func (v *Valkey) ChangesSince(ctx context.Context, shard int, before ChangeCursor) (
	tenants []string, next ChangeCursor, ok bool, err error,
) {
	reply, err := v.changed(ctx, []string{changedKey(shard), lookKey(shard)}, int64(before))
	if err != nil {
		return nil, before, false, fmt.Errorf("list changed tenants: %w", err)
	}
	tenants, next, _ = parseChanged(reply)
	return tenants, next, next >= before, nil
}

// changed calls changed.lua.
func (v *Valkey) changed(ctx context.Context, keys []string, args ...any) ([]any, error) {
	cmds, err := v.run(ctx, nil, call{changedScript, keys, args})
	if err != nil {
		return nil, err
	}
	reply, err := cmds[0].Slice()
	if err != nil || len(reply) != 3 {
		return nil, fmt.Errorf("a reply of %d parts: %w", len(reply), err)
	}
	return reply, nil
}

func parseChanged(reply []any) (tenants []string, next ChangeCursor, batches []string) {
	number, _ := reply[0].(int64)
	return texts(reply[1]), ChangeCursor(number), texts(reply[2])
}

func texts(reply any) []string {
	parts, _ := reply.([]any)
	all := make([]string, len(parts))
	for i, part := range parts {
		all[i], _ = part.(string)
	}
	return all
}
