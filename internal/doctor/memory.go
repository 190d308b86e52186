package doctor

import (
	"context"
	"fmt"
	"strconv"

	"github.com/dustin/go-humanize"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
)

const (
	// memoryTight and memoryFull are shares of maxmemory, in percent. Above the second a busy
	// hour without Postgres is not survived.
	memoryTight, memoryFull = 70, 90
	// bytesPerID is what a remembered event id takes, see DEDUPE_WINDOW in .env.example.
	bytesPerID = 26
)

// memory is whether Valkey has enough of it, and knows where it ends.
func (p *Patient) memory(ctx context.Context) []Finding {
	return p.eachNode(ctx, "memory", func(n node) []Finding {
		used, _ := strconv.ParseUint(n.info["used_memory"], 10, 64)
		most, _ := strconv.ParseUint(n.info["maxmemory"], 10, 64)
		system, _ := strconv.ParseUint(n.info["total_system_memory"], 10, 64)
		if most == 0 {
			half := max(system/2>>20, 64)
			return one("memory", Warn, fmt.Sprintf("%s used, without a limit: a full machine ends Valkey"+
				" instead of refusing events", humanize.IBytes(used)),
				setIn("maxmemory", fmt.Sprintf("%dmb", half)))
		}
		share := used * 100 / most
		text := fmt.Sprintf("%s of %s used (%d %%)", humanize.IBytes(used), humanize.IBytes(most), share)
		more := setIn("maxmemory", fmt.Sprintf("%dmb", most*2>>20)) +
			"; see first whether a flusher runs (pipeline, below)"
		switch {
		case share >= memoryFull:
			return one("memory", Fail, text+": soon POST /events is answered 503", more)
		case share >= memoryTight:
			return one("memory", Warn, text, more)
		case system > 0 && most > system/10*9:
			return one("memory", Warn, text+", and the limit is more than the machine can give",
				setIn("maxmemory", fmt.Sprintf("%dmb", system/2>>20)))
		}
		return ok("memory", text)
	})
}

// remembered is what the ids of DEDUPE_WINDOW will take at the rate of the busiest minute of
// the last day, if each event has one: two windows of them.
func (p *Patient) remembered(ctx context.Context) []Finding {
	nodes, err := p.nodes(ctx)
	if err != nil {
		return nil // it was told
	}
	var most uint64
	for _, n := range nodes {
		limit, _ := strconv.ParseUint(n.info["maxmemory"], 10, 64)
		most += limit
	}
	busiest, err := ledger.BusiestMinute(ctx, p.DB)
	if err != nil {
		return unknown("event ids", err)
	}
	need := uint64(float64(busiest) / 60 * 2 * p.Config.DedupeWindow.Seconds() * bytesPerID)
	text := fmt.Sprintf(
		"up to %s for DEDUPE_WINDOW=%s at the rate of the busiest minute of the last day (%s events)",
		humanize.IBytes(need), p.Config.DedupeWindow, humanize.Comma(busiest))
	if most > 0 && need > most/2 {
		return one("event ids", Warn, text+", more than half of maxmemory",
			"set a shorter DEDUPE_WINDOW, or raise maxmemory in valkey.conf")
	}
	return ok("event ids", text)
}
