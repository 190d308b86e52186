package command

import (
	"context"
	"io"
	_ "time/tzdata" // a static binary may run where there is no zone database
)

// Execute runs a command line of the program with all its subcommands, as Run does, and returns
// the exit status.
func Execute(ctx context.Context, env Env, args []string, stdout, stderr io.Writer) int {
	return Run(ctx, Root(
		Dev(env),
		Ingest(env),
		Flusher(env),
		Alerter(env),
		Migrate(env),
		Seed(env),
		Tenants(env),
		Prices(env),
		Keys(env),
		Tokens(env),
		Alerts(env),
		Import(env),
		Audit(env),
		Backup(env),
		Restore(env),
		Shards(env),
		Doctor(env),
		Healthcheck(env),
		Version(env),
		Completion(),
		Man(env),
	), args, stdout, stderr)
}
