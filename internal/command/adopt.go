package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/scripts"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// adoptRestored has the next flusher make a restored Postgres and Valkey one again.
func adoptRestored(ctx context.Context, env Env, w io.Writer) error {
	cfg, err := config.Load(env.Getenv, "DATABASE_URL", "VALKEY_URL")
	if err != nil {
		return err
	}
	p, err := newProcess(env, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer p.close()
	if err := schema.Check(ctx, p.db); err != nil {
		return err
	}
	if err := p.valkey.ClaimShards(ctx); err != nil {
		return err
	}
	// Tenants that are younger than the backup: sums of their events could not be stored.
	added, err := p.tenants.AddMissing(ctx)
	if err != nil {
		return err
	}
	ends, err := ledger.Ends(ctx, p.db, cfg.Shards)
	if err != nil {
		return err
	}
	out := &printer{w: w}
	if len(added) > 0 {
		out.printf("added tenants that Valkey knows and the backup does not: %s\n",
			strings.Join(added, ", "))
	}
	for shard, end := range ends {
		marked, err := p.valkey.MarkRestored(ctx, shard, end)
		if err != nil {
			return fmt.Errorf("shard %d: %w", shard, err)
		}
		lost, err := lostEvents(ctx, p.db, shard, marked)
		if err != nil {
			return err
		}
		out.printf("shard %d: the ledger has reached hand-out %d, Valkey %d: %s\n",
			shard, end, marked.Position, lost)
	}
	out.printf("now start a flusher, then the other roles: until it has adopted what is in Valkey," +
		" events are refused\n")
	return out.err
}

// lostEvents says how many events were flushed after the backup: Valkey counts what leaves it,
// and the ledger has the rows of each batch. After a recovery, or if the ledger no longer goes
// back to the first batch, the two counts do not belong together.
func lostEvents(
	ctx context.Context, q sqlx.QueryerContext, shard int, m scripts.Marked,
) (string, error) {
	events, complete, err := ledger.Flushed(ctx, q, shard, m.Waiting)
	if err != nil {
		return "", err
	}
	switch lost := m.Flushed - events; {
	case !complete:
		return "what was flushed in between is lost, unless it is sent again", nil
	case lost <= 0:
		return "nothing is lost", nil
	default:
		return fmt.Sprintf("%s events that were flushed after the backup are lost, unless they are"+
			" sent again", humanize.Comma(lost)), nil
	}
}
