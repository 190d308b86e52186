package valkey

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is what Valkey reports about itself. Of a cluster, figures are sums over its masters.
type Server struct {
	// UsedBytes is its memory in use, MaxBytes what it may use, 0 for no limit.
	UsedBytes, MaxBytes int64
	// Persistent says that an append-only file is written and that the last write and fsync
	// of it have succeeded, of every master.
	Persistent bool
	// DelayedSyncs are writes that waited for an fsync to end, since it was started.
	DelayedSyncs int64
	// InScripts is the time it has spent inside scripts since it was started.
	InScripts time.Duration
}

// ReadServer asks Valkey for the figures of INFO, which it has at hand.
func ReadServer(ctx context.Context, rdb redis.UniversalClient) (Server, error) {
	cluster, ok := rdb.(*redis.ClusterClient)
	if !ok {
		return serverInfo(ctx, rdb)
	}
	all := Server{Persistent: true}
	var mu sync.Mutex
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		one, err := serverInfo(ctx, master)
		mu.Lock()
		defer mu.Unlock()
		all.UsedBytes += one.UsedBytes
		all.MaxBytes += one.MaxBytes
		all.DelayedSyncs += one.DelayedSyncs
		all.InScripts += one.InScripts
		all.Persistent = all.Persistent && one.Persistent
		return err
	})
	return all, err
}

func serverInfo(ctx context.Context, rdb redis.Cmdable) (s Server, err error) {
	text, err := rdb.Info(ctx, "memory", "persistence", "commandstats").Result()
	if err != nil {
		return s, fmt.Errorf("ask valkey about itself: %w", err)
	}
	return parseInfo(text), nil
}

// parseInfo reads the answer to INFO. What is missing is 0.
func parseInfo(text string) Server {
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = value
	}
	number := func(text string) int64 {
		n, _ := strconv.ParseInt(text, 10, 64)
		return n
	}
	// cmdstat_evalsha:calls=3,usec=120,...
	_, usec, _ := strings.Cut(fields["cmdstat_evalsha"], "usec=")
	usec, _, _ = strings.Cut(usec, ",")
	return Server{
		UsedBytes: number(fields["used_memory"]), MaxBytes: number(fields["maxmemory"]),
		// Of an fsync in the background, too: Valkey says "err" here for either.
		Persistent:   fields["aof_enabled"] == "1" && fields["aof_last_write_status"] == "ok",
		DelayedSyncs: number(fields["aof_delayed_fsync"]),
		InScripts:    time.Duration(number(usec)) * time.Microsecond,
	}
}
