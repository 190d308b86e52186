package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/logging"
	"github.com/eduardosanzb/flagmeter/scripts"
)

func keysRevoke(env Env) *cobra.Command {
	var made bool
	cmd := &cobra.Command{
		Use:   "revoke ID|KEY",
		Short: "End an API key, within 2 seconds",
		Long: `End an API key, by its id or by the key itself, on every process within 2 seconds, with
the browser sessions and live connections that began with it. One of the two stores is
enough: the other learns of it when it is back. A key that is revoked never comes back.

Keys that were made with it through the API go on, and it says how many. --made ends them as
well, and those that were made with them, and so on, which needs Postgres: do that when a key
was stolen. The key that you use yourself may be one of them.`,
		Example: `  flagmeter keys revoke 0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e
  flagmeter keys revoke 0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c7d8e --made`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.withStores(func(db *sqlx.DB, valkey *scripts.Valkey) error {
				return revoke(cmd, db, valkey, args[0], made)
			})
		},
	}
	cmd.Flags().BoolVar(&made, "made", false,
		"end also the keys that were made with it, and with those")
	return cmd
}

func revoke(cmd *cobra.Command, db *sqlx.DB, valkey *scripts.Valkey, text string, made bool) error {
	ctx, now := cmd.Context(), failpoint.Now()
	id, err := auth.Find(ctx, db, valkey, text)
	if err != nil {
		return err
	}
	pending, err := auth.Revoke(ctx, db, valkey, id, now)
	if err != nil {
		return fmt.Errorf("the key is NOT revoked: %w", err)
	}
	out := &printer{w: cmd.OutOrStdout()}
	out.printf("revoked API key %s\n", id)
	if made {
		n, untold, err := auth.RevokeMade(ctx, db, valkey, id, "", now)
		if err != nil {
			return fmt.Errorf("the keys that were made with it are NOT revoked, repeat this: %w", err)
		}
		pending = errors.Join(pending, untold)
		out.printf("revoked keys that were made with it: %d\n", n)
	} else {
		out.printf("live keys that were made with it: %s\n", remaining(ctx, db, id, now))
	}
	if pending != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "flagmeter: warning: one store does not know yet and will be told"+
			" by a running 'flagmeter ingest': %s\n", logging.Clean(pending.Error()))
	}
	return out.err
}

// remaining says how many live keys a revoked one leaves behind.
func remaining(ctx context.Context, db *sqlx.DB, id uuid.UUID, now time.Time) string {
	switch live, err := auth.LiveMade(ctx, db, id, "", now); {
	case err != nil:
		return "not known, as Postgres does not answer"
	case live > 0:
		return fmt.Sprintf("%d; to end them: flagmeter keys revoke %s --made", live, id)
	}
	return "0"
}
