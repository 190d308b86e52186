package scripts

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/valkey"
)

//go:embed position.lua
var positionLua string

//go:embed counters.lua
var countersOnlyLua string

//go:embed counting.lua
var countingLua string

//go:embed seen.lua
var seenLua string

//go:embed limits.lua
var limitsFile string

// limitsLua is limits.lua, preceded by the constants that it shares with Go.
var limitsLua = fmt.Sprintf("local feature_days = %d\n", featureDays) + limitsFile

//go:embed ingest.lua
var ingestLua string

//go:embed stage.lua
var stageLua string

//go:embed judge.lua
var judgeLua string

//go:embed unstage.lua
var unstageLua string

//go:embed seal.lua
var sealLua string

//go:embed ack.lua
var ackLua string

//go:embed drop.lua
var dropLua string

//go:embed queue.lua
var queueLua string

//go:embed usage.lua
var usageLua string

//go:embed parts.lua
var partsLua string

//go:embed series.lua
var seriesLua string

//go:embed changed.lua
var changedLua string

//go:embed rewind.lua
var rewindLua string

//go:embed remember.lua
var rememberLua string

//go:embed features.lua
var featuresLua string

//go:embed restored.lua
var restoredLua string

//go:embed forget.lua
var forgetLua string

//go:embed resume.lua
var resumeLua string

//go:embed shards.lua
var shardsLua string

//go:embed reshard.lua
var reshardLua string

var (
	ingestScript = newScript("ingest", ingestLua,
		positionLua, countersLua, countingLua, seenLua, limitsLua)
	stageScript    = newScript("stage", stageLua, countersLua, countingLua, seenLua)
	judgeScript    = newScript("judge", judgeLua, positionLua, countersLua, limitsLua)
	unstageScript  = newScript("unstage", unstageLua)
	sealScript     = newScript("seal", sealLua, positionLua)
	ackScript      = newScript("ack", ackLua)
	dropScript     = newScript("drop", dropLua)
	queueScript    = newScript("queue", queueLua)
	usageScript    = newScript("usage", usageLua, positionLua, countersLua)
	partsScript    = newScript("parts", partsLua, positionLua, countersLua)
	seriesScript   = newScript("series", seriesLua, positionLua, countersLua)
	changedScript  = newScript("changed", changedLua, positionLua)
	rewindScript   = newScript("rewind", rewindLua)
	rememberScript = newScript("remember", rememberLua, seenLua)
	featuresScript = newScript("features", featuresLua)
	restoredScript = newScript("restored", restoredLua)
	forgetScript   = newScript("forget", forgetLua)
	resumeScript   = newScript("resume", resumeLua)
	shardsScript   = newScript("shards", shardsLua)
	reshardScript  = newScript("reshard", reshardLua)
)

// script is a script with the name of its file, without the extension.
type script struct {
	*redis.Script
	name string
}

// newScript returns a script with parts inserted after its first line, which holds its flags.
func newScript(name, lua string, parts ...string) script {
	flags, body, _ := strings.Cut(lua, "\n")
	return script{redis.NewScript(flags + "\n" + strings.Join(parts, "") + body), name}
}

// Valkey calls the scripts. The client must not retry (MaxRetries -1): a repeated call is safe only
// under the rules of each function.
type Valkey struct {
	rdb    redis.UniversalClient
	shards int
	// highWater is the largest position that this process knows, by shard (Known).
	highWater []atomic.Int64
	// hashes is the number of hashes of counters in the latest lookup of usage, by shard.
	hashes  []atomic.Int64
	heads   []atomic.Pointer[head]   // of the queue, by shard
	seconds *prometheus.HistogramVec // of calls, by script; nil without Observe
}

// New returns the scripts of a deployment with the given number of shards, at least 1.
func New(rdb redis.UniversalClient, shards int) *Valkey {
	shards = max(shards, 1)
	return &Valkey{rdb: rdb, shards: shards, highWater: make([]atomic.Int64, shards),
		hashes: make([]atomic.Int64, shards), heads: make([]atomic.Pointer[head], shards)}
}

// Shards returns the number of shards.
func (v *Valkey) Shards() int { return v.shards }

// call is one EVALSHA of a pipeline.
type call struct {
	script script
	keys   []string
	args   []any
}

// run sends the calls, and extra if it is not nil, in one pipeline on one connection. If Valkey
// does not know a script, run loads the scripts and sends the calls again: an unknown script has
// not run. The error is the first that any command returned.
func (v *Valkey) run(
	ctx context.Context, extra func(redis.Pipeliner), calls ...call,
) ([]*redis.Cmd, error) {
	for loaded := false; ; loaded = true {
		pipe := v.rdb.Pipeline()
		cmds := make([]*redis.Cmd, len(calls))
		for i, c := range calls {
			cmds[i] = pipe.EvalSha(ctx, c.script.Hash(), c.keys, c.args...)
		}
		if extra != nil {
			extra(pipe)
		}
		start := time.Now()
		_, err := pipe.Exec(ctx)
		v.observe(calls[0].script.name, start)
		if err != nil && !loaded && redis.HasErrorPrefix(err, "NOSCRIPT") {
			for _, c := range calls {
				if err := c.script.Load(ctx, v.rdb).Err(); err != nil {
					return nil, fmt.Errorf("load script: %w", err)
				}
			}
			continue
		}
		if valkey.IsFull(err) {
			return nil, fmt.Errorf("%w: %w", valkey.ErrFull, err)
		}
		if redis.HasErrorPrefix(err, "REWOUND") {
			return cmds, fmt.Errorf("%w: %w", ErrRewound, err)
		}
		return cmds, err
	}
}
