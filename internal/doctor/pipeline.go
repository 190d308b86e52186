package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
)

const (
	// waitsLong and waitsTooLong are ages of the oldest event that is not in Postgres. The
	// flusher comes every second; after a restart of Postgres it needs a minute at most.
	waitsLong, waitsTooLong = time.Minute, 10 * time.Minute

	startFlusher = "look whether a flusher runs and what it logs: flagmeter healthcheck flusher;" +
		" docker compose logs flusher, or: journalctl -u flagmeter-flusher"
)

// queue is whether what was accepted gets to Postgres.
func (p *Patient) queue(ctx context.Context) []Finding {
	q, err := p.Valkey.Queue(ctx)
	if err != nil {
		return one("queue", Fail, err.Error(), valkeyAdvice(err))
	}
	if q.Oldest.IsZero() {
		return ok("queue", "empty")
	}
	age := max(p.Now().Sub(q.Oldest), 0)
	text := fmt.Sprintf("%s events wait for Postgres, the oldest for %s",
		humanize.Comma(q.Events), age.Round(time.Second))
	switch {
	case age > waitsTooLong:
		return one("queue", Fail, text, startFlusher)
	case age > waitsLong:
		return one("queue", Warn, text, startFlusher)
	}
	return ok("queue", text)
}

// shards checks that nothing waits in shards that no flusher serves.
func (p *Patient) shards(ctx context.Context) []Finding {
	q, err := p.Valkey.OrphanShards(ctx)
	if err != nil {
		var refused redis.Error
		if errors.As(err, &refused) {
			return unknown("shards", err)
		}
		return one("shards", Fail, err.Error(), valkeyAdvice(err))
	}
	placed, _, err := p.Valkey.PlacedShards(ctx)
	if err != nil {
		return unknown("shards", err)
	}
	if placed != p.Config.Shards {
		return one("shards", Fail, fmt.Sprintf("SHARDS=%d here, but the state in Valkey is placed by"+
			" %d: no role starts", p.Config.Shards, placed),
			fmt.Sprintf("set SHARDS=%d for every role; to change it: flagmeter shards set --help", placed))
	}
	text := fmt.Sprintf("SHARDS=%d", p.Config.Shards)
	if q.Events+q.SealedRaw+q.SealedSums+q.OpenMinutes > 0 || !q.Oldest.IsZero() {
		return one("shards", Fail, fmt.Sprintf("%s, but %s events and %d batches wait in shards"+
			" beyond it", text, humanize.Comma(q.Events), q.SealedRaw+q.SealedSums),
			"set SHARDS of every role to what it was, run a flusher until the queue is empty, then"+
				" change it")
	}
	return ok("shards", text+", nothing waits beyond it")
}

// ledger is whether Valkey has all that it has handed out.
func (p *Patient) ledger(ctx context.Context) []Finding {
	const advice = "a running flusher mends it: it takes what is left, matched by id, and then" +
		" events are accepted again; see FlagMeterRewind in docs/RUNBOOK.md, then: flagmeter audit"
	notes, err := p.Valkey.Rewinds(ctx)
	if err != nil {
		return unknown("ledger", err)
	}
	for shard := range p.Config.Shards {
		if note, lost := notes[shard]; lost {
			return one("ledger", Fail, fmt.Sprintf("Valkey has lost writes, and POST /events is answered"+
				" 503 (shard %d: %s)", shard, note), advice)
		}
	}
	ends, err := ledger.Ends(ctx, p.DB, p.Config.Shards)
	if err != nil {
		return unknown("ledger", err)
	}
	for shard, end := range ends {
		have, err := p.Valkey.Position(ctx, shard)
		if err != nil {
			return unknown("ledger", err)
		}
		if have < end {
			return one("ledger", Fail, fmt.Sprintf("Valkey is at %d, the ledger at %d (shard %d): Valkey"+
				" has lost writes, or is another one than before", have, end, shard),
				"is VALKEY_URL the right server, with its own volume? If so: "+advice)
		}
	}
	return ok("ledger", "Valkey and Postgres agree on what was handed over")
}

// deadEvents is whether Postgres has refused something.
func (p *Patient) deadEvents(ctx context.Context) []Finding {
	var dead int64
	if err := p.DB.GetContext(ctx, &dead, "SELECT count(*) FROM dead_events"); err != nil {
		return unknown("dead events", err)
	}
	if dead > 0 {
		return one("dead events", Warn,
			humanize.Comma(dead)+" rows were refused by Postgres and are kept apart",
			"psql: SELECT kind, reason, count(*), max(created_at) FROM dead_events GROUP BY 1, 2; then:"+
				" flagmeter audit")
	}
	return ok("dead events", "none")
}
