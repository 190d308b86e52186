// Command flagmeter meters LLM tokens per tenant. Each role is a subcommand; the commands
// are in internal/command.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // a static binary may run where there is no zone database

	"github.com/eduardosanzb/flagmeter/internal/command"
)

// Set by the linker, see the Makefile.
var version, commit string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run executes a command line and returns the exit status.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	env := command.Env{Getenv: getenv, Build: command.NewBuild(version, commit)}
	return command.Run(ctx, command.Root(
		command.Dev(env),
		command.Ingest(env),
		command.Flusher(env),
		command.Alerter(env),
		command.Migrate(env),
		command.Seed(env),
		command.Tenants(env),
		command.Prices(env),
		command.Keys(env),
		command.Tokens(env),
		command.Alerts(env),
		command.Import(env),
		command.Audit(env),
		command.Backup(env),
		command.Restore(env),
		command.Shards(env),
		command.Doctor(env),
		command.Healthcheck(env),
		command.Version(env),
		command.Completion(),
		command.Man(env),
	), args, stdout, stderr)
}
