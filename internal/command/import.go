package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/importer"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Import posts a CSV file's rows as events.
func Import(env Env) *cobra.Command {
	var o importer.Options
	retryFor := config.Positive{Duration: config.Duration(importer.DefaultRetryFor)}
	cmd := &cobra.Command{
		Use:   "import FILE.csv --tenant NAME --feature NAME --tokens COL[+COL]",
		Short: "Post the rows of a CSV file as events",
		Long: `Post the rows of a CSV file as events of one tenant and feature.

The first line must name the columns. A row counts once within the server's dedupe
window (DEDUPE_WINDOW), however often it is imported: a file in which refused rows
were mended, or to which rows were added, is imported as a whole again, and so is
one whose import broke off.

The server knows a row again by its content, all cells of it, and by its place among
equal rows of the file. So a row that is changed after it was counted is another row
and counts as well. Name the column that identifies rows with --id, and it is refused
instead. Rows of two files that look alike, without a time in them, say, are told
apart by --source: give each file the name of its period.

Comma, semicolon, tab and bar separate cells; gzip, bzip2, UTF-16 and old line ends
are recognised. A time is RFC 3339 or much like it, a date for its midnight, or seconds
or milliseconds since 1970; one that names no zone is of --zone. A row that cannot be an
event, or that the server refuses, is left out; the report names its line and the reason,
and what to run next.

It identifies itself with the key in API_KEY, or in the file API_KEY_FILE, if the server
asks for one.

Exit status: 0 if every row was accepted, is a duplicate or no event; 1 if any row was
refused or the import broke off; 2 for a command line that makes no sense.`,
		Example: `  flagmeter import calls.csv \
    --tenant acme-corp --feature gpt-4-turbo --tokens PromptTokens+OutputTokens
  flagmeter import calls.csv.gz --id RequestId --timestamp At \
    --tenant acme-corp --feature gpt-4-turbo --tokens Tokens
  psql -c "COPY (SELECT …) TO STDOUT CSV HEADER" | flagmeter import - --source 2026-03 \
    --tenant acme-corp --feature gpt-4-turbo --tokens tokens`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(env.Getenv)
			if err != nil {
				return err
			}
			o.File, o.Stdin, o.Key, o.RetryFor = args[0], cmd.InOrStdin(), string(cfg.APIKey),
				time.Duration(retryFor.Duration)
			result, err := importer.Run(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
			if wrong, ok := errors.AsType[*importer.OptionsError](err); ok {
				return misuse("%w", wrong)
			}
			if err != nil {
				return err
			}
			switch {
			case result.UnreadLines > 0:
				return fmt.Errorf(
					"%d of %d rows were refused, and %d lines were not read for a quote that is left open",
					result.Refused, result.Rows, result.UnreadLines)
			case result.Refused > 0:
				return fmt.Errorf("%d of %d rows were refused", result.Refused, result.Rows)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.URL, "url", importer.DefaultURL, "where the server is")
	f.StringVar(&o.Tenant, "tenant", "", "tenant of every event (required)")
	f.StringVar(&o.Feature, "feature", "", "feature of every event (required)")
	f.StringVar(&o.Tokens, "tokens", "",
		"column with the token count, or several to add: COL+COL (required)")
	f.StringVar(&o.Timestamp, "timestamp", "",
		"column with the time of the event (default: the time of arrival)")
	f.StringVar(&o.Zone, "zone", "", "with --timestamp: IANA time zone of times and dates that name"+
		" none, like Europe/Berlin (default: UTC)")
	f.StringVar(&o.ID, "id", "",
		"column with the ids of the events (default: rows are known by their content)")
	f.StringVar(&o.Source, "source", "",
		"name that keeps equal rows of different files apart, like the file's period")
	f.StringVar(&o.IDPrefix, "id-prefix", "",
		"make ids of this and the row's number, for a file whose rows keep their places")
	f.IntVar(&o.Batch, "batch", importer.DefaultBatch,
		fmt.Sprintf("events a request, 1 to %d", meter.MaxEvents))
	f.Var(&retryFor, "retry-for",
		"`duration` for which to try again while the server is away, like 5m or 1d")
	f.BoolVar(&o.JSON, "json", false, "report as one JSON object")
	for _, name := range []string{"tenant", "feature", "tokens"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is not defined above
		}
	}
	return cmd
}
