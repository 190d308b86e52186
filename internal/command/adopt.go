package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/store"
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
	seqs, err := store.LedgerSeqs(ctx, p.db, cfg.Shards)
	if err != nil {
		return err
	}
	out := &printer{w: w}
	if len(added) > 0 {
		out.printf("added tenants that Valkey knows and the backup does not: %s\n", strings.Join(added, ", "))
	}
	for shard, ledger := range seqs {
		marked, err := p.valkey.MarkRestored(ctx, shard, ledger)
		if err != nil {
			return fmt.Errorf("shard %d: %w", shard, err)
		}
		lost, err := lostEvents(ctx, p.db, shard, marked)
		if err != nil {
			return err
		}
		out.printf("shard %d: the ledger has reached hand-out %d, Valkey %d: %s\n", shard, ledger, marked.Seq, lost)
	}
	out.printf("now start a flusher, then the other roles: until it has adopted what is in Valkey, events are refused\n")
	return out.err
}

// lostEvents says how many events were flushed after the backup: Valkey counts what leaves it,
// and the ledger has the rows of each batch. After a recovery, or if the ledger no longer goes
// back to the first batch, the two counts do not belong together.
func lostEvents(ctx context.Context, q sqlx.QueryerContext, shard int, m scripts.Marked) (string, error) {
	var ledger struct {
		Events   int64
		Complete bool
	}
	err := sqlx.GetContext(ctx, q, &ledger, `SELECT coalesce(sum(rows) FILTER (WHERE kind = 'raw' AND NOT id = ANY (coalesce($2::uuid[], '{}'))), 0)::bigint AS events,
		coalesce((SELECT min(n) = 1 FROM flushes), true) AND NOT coalesce(bool_or(kind = 'rewind'), false) AS complete
		FROM flushes WHERE shard = $1`, shard, pq.Array(m.Waiting))
	if err != nil {
		return "", fmt.Errorf("count events of the ledger: %w", err)
	}
	switch lost := m.Flushed - ledger.Events; {
	case !ledger.Complete:
		return "what was flushed in between is lost, unless it is sent again", nil
	case lost <= 0:
		return "nothing is lost", nil
	default:
		return fmt.Sprintf("%s events that were flushed after the backup are lost, unless they are sent again", humanize.Comma(lost)), nil
	}
}
