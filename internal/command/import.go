package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/importer"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Import posts a CSV file's rows as events.
func Import(env Env) *cobra.Command {
	var o importer.Options
	cmd := &cobra.Command{
		Use:   "import FILE.csv --tenant NAME --feature NAME --tokens COL[+COL]",
		Short: "Post the rows of a CSV file as events",
		Long: `Post the rows of a CSV file as events of one tenant and feature.

The first line must name the columns. Every row becomes an event whose id is
PREFIX-ROW, with a prefix made from the file's content: importing the same file
again counts nothing twice within the server's dedupe window, so an import that
broke off is finished by running it again. To import other columns of the same
file as well, give that import an --id-prefix of its own.

A row that cannot be an event, or that the server refuses, is skipped; the report
names its line and the reason. A timestamp is RFC 3339, or "2006-01-02 15:04:05"
with or without a fraction, which is taken as UTC.

It identifies itself with the key in API_KEY, or in the file API_KEY_FILE, if the server
asks for one.

Exit status: 0 if every row was accepted or is a duplicate; not 0 if any row was
refused or the import broke off.`,
		Example: `  flagmeter import calls.csv --tenant acme-corp --feature gpt-4-turbo --tokens PromptTokens+OutputTokens
  zcat calls.csv.gz | flagmeter import - --id-prefix calls-march --tenant acme-corp --feature gpt-4-turbo --tokens Tokens`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(env.Getenv)
			if err != nil {
				return err
			}
			o.File, o.Stdin, o.Key = args[0], cmd.InOrStdin(), string(cfg.APIKey)
			result, err := importer.Run(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if result.Refused > 0 {
				return fmt.Errorf("%d of %d rows were refused", result.Refused, result.Rows)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.URL, "url", importer.DefaultURL, "where the server is")
	f.StringVar(&o.Tenant, "tenant", "", "tenant of every event (required)")
	f.StringVar(&o.Feature, "feature", "", "feature of every event (required)")
	f.StringVar(&o.Tokens, "tokens", "", "column with the token count, or several to add: COL+COL (required)")
	f.StringVar(&o.Timestamp, "timestamp", "", "column with the time of the event (default: the time of arrival)")
	f.StringVar(&o.IDPrefix, "id-prefix", "", "start of every event id (default: made from the file's content; required for -)")
	f.IntVar(&o.Batch, "batch", importer.DefaultBatch, fmt.Sprintf("events a request, 1 to %d", meter.MaxEvents))
	f.DurationVar(&o.RetryFor, "retry-for", importer.DefaultRetryFor, "how long to try again while the server is away")
	f.BoolVar(&o.JSON, "json", false, "report as one JSON object")
	for _, name := range []string{"tenant", "feature", "tokens"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is not defined above
		}
	}
	return cmd
}
