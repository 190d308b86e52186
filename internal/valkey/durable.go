package valkey

import (
	"context"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Fsync is when Valkey has a write on disk.
type Fsync string

// What Measure finds.
const (
	FsyncAlways Fsync = "always" // before it answers
	FsyncLater  Fsync = "later"  // within some seconds: appendfsync everysec
	FsyncNever  Fsync = "never"  // whenever the system likes: appendfsync no
	FsyncNone   Fsync = "none"   // there is no append-only file
	// FsyncUnseen: it cannot be seen with a server, or an access list, without WAITAOF.
	FsyncUnseen Fsync = ""
)

// Durable is how a Valkey server keeps what it acknowledges. It is measured, since to ask for
// settings takes a right (CONFIG GET) that shows passwords too.
type Durable struct {
	Node   string // its address
	Fsync  Fsync
	Policy string // maxmemory-policy
}

const (
	durableTries = 4
	// syncLimit is how long an fsync may take that is made every second.
	syncLimit = 2500 * time.Millisecond
)

// Measure measures one server by writing a key there, which expires within a minute. It takes a few
// ms with appendfsync always, up to 2.5 s else.
func Measure(ctx context.Context, client *redis.Client, key string) (d Durable, err error) {
	d.Node = client.Options().Addr
	text, err := client.Info(ctx, "memory", "persistence").Result()
	if err != nil {
		return d, err
	}
	aof := false
	for line := range strings.Lines(text) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name {
		case "maxmemory_policy":
			d.Policy = value
		case "aof_enabled":
			aof = value == "1"
		}
	}
	if !aof {
		d.Fsync = FsyncNone
		return d, nil
	}
	conn := client.Conn() // WAITAOF is about the writes of its own connection
	defer conn.Close()
	d.Fsync = FsyncAlways
	for range durableTries {
		synced, err := wrote(ctx, conn, key, 0, 0)
		if err != nil || !synced {
			d.Fsync = FsyncLater
			if NoWaitAOF(err) || redis.HasErrorPrefix(err, "NOPERM") {
				d.Fsync = FsyncUnseen
				return d, nil
			}
			if err != nil {
				return d, err
			}
			break
		}
	}
	if d.Fsync == FsyncLater {
		synced, err := wrote(ctx, conn, key, 1, syncLimit)
		if err != nil {
			return d, err
		}
		if !synced {
			d.Fsync = FsyncNever
		}
	}
	return d, nil
}

// wrote writes the key and reports whether it is on disk, after waiting for that if local is 1.
func wrote(
	ctx context.Context, conn *redis.Conn, key string, local int, wait time.Duration,
) (bool, error) {
	if err := conn.Set(ctx, key, "x", time.Minute).Err(); err != nil {
		return false, err
	}
	acks, err := conn.Do(ctx, "WAITAOF", local, 0, wait.Milliseconds()).Int64Slice()
	return err == nil && len(acks) > 0 && acks[0] > 0, err
}
