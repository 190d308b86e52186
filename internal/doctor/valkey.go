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

	"github.com/eduardosanzb/flagmeter/internal/valkey"
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

// wanted are the settings of Valkey that the doctor checks.
var wanted = []string{"save", "hash-max-listpack-entries", "dir"}

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
			return n, nil // the account is not an administrator's, or it is somebody's managed Valkey
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
			return one("version", Fail, text+" is too old",
				"install Valkey 8 or newer (Redis 7 works): make deps, or the image valkey/valkey:8")
		case product == "Valkey" && major > newestValkey:
			return one("version", Warn, text+" is newer than what was tested",
				fmt.Sprintf("read CHANGELOG.md of a newer FlagMeter, or run Valkey %d", newestValkey))
		}
		return ok("version", text)
	})
}

// durability is whether Valkey keeps what it acknowledges, and how well it is set up. When a
// write is on disk is measured; the rest can be seen only by an administrator.
func (p *Patient) durability(ctx context.Context) []Finding {
	all := p.eachNode(ctx, "append-only file", func(n node) []Finding { return aofHealth(n.info) })
	nodes, err := p.Valkey.DurableNodes(ctx)
	if err != nil {
		all = append(all, unknown("fsync", err)...)
	}
	for _, n := range nodes {
		all = append(all, fsync(n.Fsync))
		f := Finding{Check: "eviction", Status: OK, Text: "maxmemory-policy " + n.Policy}
		if n.Policy != "noeviction" {
			f = Finding{Check: "eviction", Status: Fail, Text: fmt.Sprintf(
				"maxmemory-policy is %q: a full Valkey drops events that were accepted", n.Policy),
				Advice: setIn("maxmemory-policy", "noeviction")}
		}
		all = append(all, f)
	}
	return append(all, p.eachNode(ctx, "settings", func(n node) (some []Finding) {
		if n.config == nil {
			return one("settings", Skip, "this account may not read them, as it should be",
				"type there, as an administrator: valkey-cli CONFIG GET save hash-max-listpack-entries,"+
					" which should be \"\" and 128")
		}
		judge := func(check, name, want, risk string, bad Status) {
			if got := n.config[name]; got != want {
				some = append(some, Finding{Check: check, Status: bad,
					Text: fmt.Sprintf("%s is %q: %s", name, got, risk), Advice: setIn(name, want)})
			} else {
				some = append(some,
					Finding{Check: check, Status: OK, Text: strings.TrimSpace(name + " " + cmp.Or(want, `""`))})
			}
		}
		judge("snapshots", "save", "",
			"each copies the memory that changes meanwhile, beside the append-only file", Warn)
		judge("small hashes", "hash-max-listpack-entries", "128",
			"events of many tenants cost more than twice the time", Warn)
		return some
	})...)
}

// fsync judges when Valkey has a write on disk.
func fsync(when valkey.Fsync) Finding {
	f := Finding{Check: "fsync", Status: Fail, Advice: setIn("appendfsync", "always")}
	switch when {
	case valkey.FsyncAlways:
		return Finding{Check: "fsync", Status: OK,
			Text: "appendfsync always: an answer waits until its events are on disk"}
	case valkey.FsyncLater:
		f.Text = "appendfsync is not always: up to a second of accepted events is lost when the" +
			" machine fails"
	case valkey.FsyncNever:
		f.Text = "appendfsync no: accepted events are on disk only when the system likes, so a failing" +
			" machine loses them, and no flusher can move any to Postgres"
	case valkey.FsyncNone:
		f.Text, f.Advice = "there is no append-only file", setIn("appendonly", "yes")
	default:
		f.Status, f.Text = Skip, "cannot be measured: the server, or this account, takes no WAITAOF"
		f.Advice = "install Valkey 8, give the account the rights of scripts/valkey.acl, or type:" +
			" valkey-cli CONFIG GET appendfsync, which should be always"
	}
	return f
}

// setIn is how a setting of Valkey is changed at once and for good.
func setIn(name, value string) string {
	value = cmp.Or(value, `""`)
	return fmt.Sprintf("valkey-cli CONFIG SET %s %s, and the line `%s %s` in valkey.conf",
		name, value, name, value)
}

// aofHealth is how the append-only file is.
func aofHealth(info map[string]string) []Finding {
	const name = "append-only file"
	switch {
	case info["aof_enabled"] != "1":
		return one(name, Fail, "there is none: events that were accepted are lost when Valkey ends",
			setIn("appendonly", "yes"))
	case info["aof_last_write_status"] != "ok":
		return one(name, Fail, "the last write or fsync has failed",
			"free disk space in Valkey's dir, then look into its log: journalctl -u valkey-server")
	case info["aof_last_bgrewrite_status"] != "ok":
		return one(name, Fail, "the last rewrite has failed: the file only grows",
			"free disk space and memory, then: valkey-cli BGREWRITEAOF")
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
