package doctor

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/dustin/go-humanize"
	"github.com/redis/go-redis/v9"
)

// What the tests run with; anything from oldestValkey on has the commands that are needed.
const (
	oldestValkey = 7 // of Redis; the scripts' flags
	newestValkey = 9
)

// node is a Valkey server, with what it says of itself.
type node struct {
	name   string // its address, if there are several
	info   map[string]string
	config map[string]string // nil if it does not tell
	rdb    redis.Cmdable
}

// wanted are the settings of Valkey that are looked at.
var wanted = []string{"appendonly", "appendfsync", "save", "maxmemory", "maxmemory-policy", "hash-max-listpack-entries", "dir", "bind"}

// nodes asks Valkey, or each master of a cluster.
func (p *Patient) nodes(ctx context.Context) ([]node, error) {
	cluster, several := p.RDB.(*redis.ClusterClient)
	if !several {
		n, err := ask(ctx, p.RDB)
		return []node{n}, err
	}
	var all []node
	var mu sync.Mutex
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		n, err := ask(ctx, master)
		n.name = master.Options().Addr + ": "
		mu.Lock()
		defer mu.Unlock()
		all = append(all, n)
		return err
	})
	return all, err
}

func ask(ctx context.Context, rdb redis.Cmdable) (n node, err error) {
	n = node{rdb: rdb, info: map[string]string{}}
	text, err := rdb.Info(ctx).Result()
	if err != nil {
		return n, fmt.Errorf("ask valkey about itself: %w", err)
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		n.info[name] = value
	}
	settings := map[string]string{}
	for _, name := range wanted {
		got, err := rdb.ConfigGet(ctx, name).Result()
		if err != nil {
			return n, nil // an access list without +config|get, or somebody's managed Valkey
		}
		for name, value := range got {
			settings[name] = value
		}
	}
	n.config = settings
	return n, nil
}

// eachNode gathers what look says of each server.
func (p *Patient) eachNode(ctx context.Context, name string, look func(node) []Finding) []Finding {
	nodes, err := p.nodes(ctx)
	if err != nil {
		return one(name, Fail, err.Error(), valkeyAdvice(err))
	}
	var all []Finding
	for _, n := range nodes {
		for _, f := range look(n) {
			f.Text = n.name + f.Text
			all = append(all, f)
		}
	}
	return all
}

func (p *Patient) valkeyVersion(ctx context.Context) []Finding {
	return p.eachNode(ctx, "version", func(n node) []Finding {
		product, version := "Valkey", n.info["valkey_version"]
		if version == "" {
			product, version = "Redis", n.info["redis_version"]
		}
		text := product + " " + version
		switch major := leading(version); {
		case major < oldestValkey:
			return one("version", Fail, text+" is too old", "install Valkey 8 or newer (Redis 7 works): make deps, or the image valkey/valkey:8")
		case product == "Valkey" && major > newestValkey:
			return one("version", Warn, text+" is newer than what was tested", fmt.Sprintf("read CHANGELOG.md of a newer FlagMeter, or run Valkey %d", newestValkey))
		}
		return ok("version", text)
	})
}

// durability is whether Valkey keeps what it acknowledges.
func (p *Patient) durability(ctx context.Context) []Finding {
	return p.eachNode(ctx, "append-only file", func(n node) []Finding {
		all := aofHealth(n.info)
		if n.config == nil {
			return append(all, one("fsync", Skip, "valkey does not let its settings be read",
				"add +config|get to the user in valkey.acl, or see yourself: appendfsync always, maxmemory-policy noeviction")...)
		}
		judge := func(check, name, want, risk string, bad Status) {
			if got := n.config[name]; got != want {
				all = append(all, Finding{Check: check, Status: bad, Text: fmt.Sprintf("%s is %q: %s", name, got, risk), Advice: setIn(name, want)})
			} else {
				all = append(all, Finding{Check: check, Status: OK, Text: strings.TrimSpace(name + " " + cmp.Or(want, `""`))})
			}
		}
		judge("fsync", "appendfsync", "always", "up to a second of accepted events is lost when the machine fails", Fail)
		judge("eviction", "maxmemory-policy", "noeviction", "a full Valkey drops events that were accepted", Fail)
		judge("snapshots", "save", "", "each copies the memory that changes meanwhile, beside the append-only file", Warn)
		judge("small hashes", "hash-max-listpack-entries", "128", "events of many tenants cost more than twice the time", Warn)
		return all
	})
}

// setIn is how a setting of Valkey is changed at once and for good.
func setIn(name, value string) string {
	value = cmp.Or(value, `""`)
	return fmt.Sprintf("valkey-cli CONFIG SET %s %s, and the line `%s %s` in valkey.conf", name, value, name, value)
}

// aofHealth is how the append-only file is.
func aofHealth(info map[string]string) []Finding {
	const name = "append-only file"
	switch {
	case info["aof_enabled"] != "1":
		return one(name, Fail, "there is none: events that were accepted are lost when Valkey ends", setIn("appendonly", "yes"))
	case info["aof_last_write_status"] != "ok":
		return one(name, Fail, "the last write or fsync has failed", "free disk space in Valkey's dir, then look into its log: journalctl -u valkey-server")
	case info["aof_last_bgrewrite_status"] != "ok":
		return one(name, Fail, "the last rewrite has failed: the file only grows", "free disk space and memory, then: valkey-cli BGREWRITEAOF")
	}
	text := "written"
	if size, err := strconv.ParseUint(info["aof_current_size"], 10, 64); err == nil {
		text += ", " + humanize.IBytes(size)
	}
	if info["aof_rewrite_in_progress"] == "1" {
		text += ", being rewritten"
	}
	return ok(name, text)
}

// leading is the number that a text begins with, or 0.
func leading(text string) int {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, _ := strconv.Atoi(text[:end])
	return n
}
