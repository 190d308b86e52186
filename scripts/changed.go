package scripts

import (
	"context"
	"fmt"
)

// ChangeCursor is a reader's place in the changes of one shard: the zero value is the beginning.
type ChangeCursor int64

// ChangesSince returns the tenants of a shard whose usage has grown by an event acknowledged
// since the look before was taken, or may have, and the look to pass next time. ok is false if
// Valkey does not know that look any more, because it has lost writes: then any tenant's
// usage may differ from what the caller knows.
//
// An event is acknowledged by the call that marks its tenant, so an acknowledged event is
// either in what this returns or in what the next call will. If the reply is lost, passing
// the same look again returns all of it again.
func (v *Valkey) ChangesSince(ctx context.Context, shard int, before ChangeCursor) (tenants []string, next ChangeCursor, ok bool, err error) {
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
