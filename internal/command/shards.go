package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/scripts"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// lookAtShards is how often a role compares its number of shards with the one that is noted.
const lookAtShards = time.Second

// keepShards returns, until ctx is done, only when the number of shards that is noted in Valkey
// is no longer that of the settings: then the process must not go on. A note that is lost with
// Valkey is written again.
func (p *process) keepShards(ctx context.Context) error {
	ticker := time.NewTicker(lookAtShards)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := p.valkey.ClaimShards(ctx); errors.Is(err, scripts.ErrShards) && ctx.Err() == nil {
			return err
		}
	}
}

// Shards shows and changes the number of shards.
func Shards(env Env) *cobra.Command {
	return menu("shards", "See and change by how many shards Valkey's state is placed",
		shardsShow(env), shardsSet(env))
}

func shardsShow(env Env) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Print the number of shards that Valkey's state is placed by",
		Args:    cobra.NoArgs,
		Example: "  flagmeter shards show",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withShards(cmd.Context(), env, 0, func(p *process) error {
				placed, noted, err := p.valkey.PlacedShards(cmd.Context())
				if err != nil {
					return err
				}
				how := "as it is noted there"
				if !noted {
					how = "as its tenants lie; no process of this version has noted it"
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the state in Valkey is placed by SHARDS=%d, %s; the"+
					" setting here is %d\n", placed, how, p.cfg.Shards)
				return err
			})
		},
	}
}

func shardsSet(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "set NUMBER",
		Short: "Change the number of shards, while every role is stopped",
		Long: `Change the number of shards, 1 to 1024, by which the state in Valkey is placed:

  1. Stop every ingest. Events are refused from now on.
  2. Let a flusher run until the queue is empty, which takes some minutes: 'flagmeter
     doctor' shows it. Then stop the flusher and the alerter.
  3. flagmeter shards set NUMBER
  4. Set SHARDS=NUMBER for every role and start them, a flusher first: it brings the event
     ids of the dedupe window from Postgres to the shard that they belong to now, and
     events are accepted when that is done.

It changes nothing and says so while anything waits in Valkey, and may be repeated.`,
		Args:    cobra.ExactArgs(1),
		Example: "  flagmeter shards set 4",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 1 || n > ledger.MaxShards {
				return misuse("the number of shards must be 1 to %d, not %q", ledger.MaxShards, args[0])
			}
			return withShards(cmd.Context(), env, n, func(p *process) error {
				return moveShards(cmd.Context(), p, cmd.OutOrStdout())
			})
		},
	}
}

// withShards calls work with a process of that number of shards; 0: that of the settings.
func withShards(ctx context.Context, env Env, shards int, work func(*process) error) error {
	cfg, err := config.Load(env.Getenv, "DATABASE_URL", "VALKEY_URL")
	if err != nil {
		return err
	}
	if shards > 0 {
		cfg.Shards = shards
	}
	p, err := newProcess(env, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer p.close()
	if err := schema.Check(ctx, p.db); err != nil {
		return err
	}
	return work(p)
}

// moveShards closes the shards of the number before and of p's, notes p's, and leaves it to the
// next flusher to recover the shards of p.
func moveShards(ctx context.Context, p *process, w io.Writer) error {
	from, _, err := p.valkey.PlacedShards(ctx)
	if err != nil {
		return err
	}
	to := p.valkey.Shards()
	if from == to {
		if err := p.valkey.ClaimShards(ctx); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "the state in Valkey is placed by SHARDS=%d already\n", to)
		return err
	}
	all := scripts.New(p.rdb, max(from, to))
	waiting, err := all.Queue(ctx)
	if err != nil {
		return err
	}
	ends, err := ledger.Ends(ctx, p.db, all.Shards())
	if err != nil {
		return err
	}
	if waiting.OpenMinutes+waiting.SealedRaw+waiting.SealedSums > 0 || !waiting.Oldest.IsZero() {
		return fmt.Errorf("%w, nothing was changed: stop ingest, and let a flusher with SHARDS=%d run"+
			" until 'flagmeter doctor' finds the queue empty and %d open minutes are over",
			scripts.ErrWaits, from, waiting.OpenMinutes)
	}
	for shard, end := range ends {
		if _, err := all.CloseShard(ctx, shard, end); err != nil {
			return fmt.Errorf("%w: a flusher with SHARDS=%d opens what was closed", err, from)
		}
	}
	for shard, end := range ends[:to] {
		if err := enterDrained(ctx, p.db, shard, end); err != nil {
			return err
		}
	}
	if err := p.valkey.MoveShards(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "SHARDS was %d and is %d now: set SHARDS=%d for every role and start"+
		" them, a flusher first; until it has put the event ids where they belong, events are refused\n",
		from, to, to)
	return err
}

// enterDrained notes in the ledger that nothing of the shard waits: a recovery need not look at
// the events before.
func enterDrained(ctx context.Context, e sqlx.ExecerContext, shard int, end ledger.Position) error {
	_, err := ledger.Enter(ctx, e, ledger.Entry{ID: uuid.Must(uuid.NewV7()).String(), Shard: shard,
		Kind: ledger.Sum, Position: end, Tenants: []string{}, Minutes: &[2]int64{}, Drained: true})
	if err != nil {
		return fmt.Errorf("note in the ledger that shard %d is empty: %w", shard, err)
	}
	return nil
}
