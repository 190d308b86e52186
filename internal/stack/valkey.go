package stack

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// valkeyConf is made for a store that must not lose what it acknowledged: every write is on
// disk before its reply, and a full memory refuses writes and never drops keys. A hash of
// up to 128 fields is kept as a list, as the buckets of event ids need it; with Valkey's 512,
// counting events of 100 tenants took 2.4 times as long (go test ./scripts -bench Ingest).
// The password stands here and not on the command line, which all users can read.
const valkeyConf = `bind 127.0.0.1
port %d
requirepass %s
databases 4096
dir ./data
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
hash-max-listpack-entries 128
`

// placeholder stands for a password in an access list: >ADMIN_PASSWORD.
var placeholder = regexp.MustCompile(`>[A-Z]+_PASSWORD\b`)

// startValkey starts Valkey in its room of the directory. When it returns an error, nothing
// runs.
func startValkey(ctx context.Context, d *dir, bin binary, o Options) (*Server, string, error) {
	room, err := d.room("valkey")
	if err != nil {
		return nil, "", err
	}
	password, err := room.secret()
	if err != nil {
		return nil, "", err
	}
	if err := room.mkdir("data"); err != nil {
		return nil, "", fmt.Errorf("make the data directory of Valkey: %w", err)
	}
	url := func(port int) string { return fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", password, port) }
	s := &Server{
		name: filepath.Base(bin.path), room: room, stopBy: stopping{"TERM KILL", patience}, hold: d.hold, log: o.Log,
		argv: func(port int) ([]string, error) {
			users := placeholder.ReplaceAllLiteralString(o.ValkeyACL, ">"+password)
			conf := fmt.Sprintf(valkeyConf, port, password) + users
			if err := room.write("valkey.conf", conf); err != nil {
				return nil, fmt.Errorf("write the configuration of Valkey: %w", err)
			}
			if err := mendTornTail(context.WithoutCancel(ctx), room, bin.path, o.Log); err != nil {
				return nil, err
			}
			return []string{bin.path, "valkey.conf"}, nil
		},
		answers: func(ctx context.Context, port int) error { return pingValkey(ctx, url(port)) },
	}
	if err := s.start(ctx); err != nil {
		return nil, "", err
	}
	return s, url(s.port), nil
}

// pingValkey succeeds when the server answers; one that still loads its data does not count.
func pingValkey(ctx context.Context, url string) error {
	opt, err := redis.ParseURL(url)
	if err != nil {
		return fmt.Errorf("read the address of Valkey: %w", err)
	}
	opt.MaxRetries = -1
	opt.DialerRetries = 1 // the caller asks again sooner than the client would
	opt.PoolSize = 1
	opt.ReadTimeout = 2 * time.Second // whatever took the port meanwhile may never answer
	// While nobody listens, do not bother the client: it would log each failure.
	conn, err := new(net.Dialer).DialContext(ctx, "tcp4", opt.Addr)
	if err != nil {
		return fmt.Errorf("connect to Valkey: %w", err)
	}
	conn.Close()
	client := redis.NewClient(opt)
	defer client.Close()
	answer, err := client.Ping(ctx).Result()
	if err != nil {
		return fmt.Errorf("ping Valkey: %w", err)
	}
	if !strings.EqualFold(answer, "pong") {
		return fmt.Errorf("ping Valkey: it answers %q", answer)
	}
	return nil
}
