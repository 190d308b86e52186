// Command flagmeter meters LLM tokens per tenant. Each role is a subcommand; package
// internal/command holds all of them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/eduardosanzb/flagmeter/internal/command"
)

// Set by the linker, see the Makefile.
var version, commit string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	env := command.Env{Getenv: os.Getenv, Build: command.NewBuild(version, commit)}
	os.Exit(command.Execute(ctx, env, os.Args[1:], os.Stdout, os.Stderr))
}
