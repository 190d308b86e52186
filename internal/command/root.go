package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eduardosanzb/flagmeter/internal/logging"
)

// Exit statuses of Run.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// Root is the command that holds the given subcommands.
func Root(subcommands ...*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   "flagmeter",
		Short: "Meter LLM tokens per tenant, live and to the token",
		Long: `FlagMeter counts the tokens that your customers burn, live and exactly, and raises
the alarm before a quota is used up. Each role is a process, set up by the environment
(see .env.example).`,
		Example: `Try it, with stores of its own and demo traffic, at http://127.0.0.1:3000/usage:
  flagmeter dev --demo

Count tokens:
  curl -H 'Content-Type: application/json' http://127.0.0.1:3000/events \
    -d '{"tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1500}'
  curl http://127.0.0.1:3000/usage/acme-corp

Run it for real:
  flagmeter migrate
  flagmeter tenants add acme-corp --quota 1_000_000
  flagmeter ingest | flusher | alerter
  flagmeter doctor`,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetHelpFunc(help)
	root.SetUsageFunc(printUsage)
	root.AddCommand(subcommands...)
	return root
}

// Run executes a command line and returns the exit status: 0 for success, 2 for a command
// line that makes no sense, 1 for any other failure. An error is written to stderr once.
func Run(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	started := false
	noteStart(root, &started)
	cmd, err := root.ExecuteContextC(ctx)
	_, misused := errors.AsType[*usageError](err)
	switch {
	case err == nil:
		return exitOK
	case started && !misused:
		fmt.Fprintf(stderr, "flagmeter: %s\n", logging.Clean(err.Error()))
		return exitError
	default:
		fmt.Fprintf(stderr, "flagmeter: %s\nRun '%s --help' for usage.\n", logging.Clean(err.Error()),
			cmd.CommandPath())
		return exitUsage
	}
}

// usageError is an error about the command line that a command finds while it runs.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// misuse is an error about the command line, which ends the program as one in its syntax does.
func misuse(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// noteStart makes every command set started when its command line was understood.
func noteStart(cmd *cobra.Command, started *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := refuseEmpty(cmd.Flags()); err != nil {
				return err
			}
			*started = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		noteStart(sub, started)
	}
}

// refuseEmpty returns an error if a flag was given an empty text: that is a variable of a script
// that is not set, and --tenant "" would make a key of all tenants. Flags for which it means
// something read their value by a function.
func refuseEmpty(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" {
			err = cmp.Or(err, misuse("--%s must not be empty", f.Name))
		}
	})
	return err
}

// menu is a command that only holds others.
func menu(use, short string, subcommands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(subcommands...)
	return cmd
}
