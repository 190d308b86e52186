package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/price/change"
	"github.com/eduardosanzb/flagmeter/internal/price/shipped"
	"github.com/eduardosanzb/flagmeter/internal/price/source"
	"github.com/eduardosanzb/flagmeter/internal/prices"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// importOptions are the flags of `prices import`.
type importOptions struct {
	format            string
	from              time.Time
	providers         []string
	shipped           bool
	dryRun, acceptAll bool
}

func pricesImport(env Env) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE --format FORMAT | import --shipped",
		Short: "Import a price list",
		Long: `Import a price list: the data.json of genai-prices, the
model_prices_and_context_window.json of LiteLLM, the api.json of models.dev, or a CSV file
(docs/guides/prices.md). Fetch the file yourself: no part of FlagMeter does. With --shipped
it is the list that came with this version.

It shows what changes, and adds all of it or nothing. What may be a mistake is refused
without --accept: a price that changes by more than 3 times, drops to 0 or is withdrawn, an
entry that cannot be read, which is left out then, two prices for the same, a name that
would lead to another model, and a model that seems to have a new name.

A new price holds from --from, or from now; that of a model without any price holds from
the date in the list, or for all events. Prices that the list does not have stay. Your own
prices win over those of --shipped.`,
		Example: `  flagmeter prices import data.json --format genai-prices --dry-run
  flagmeter prices import contract.csv --format csv --from 2026-04-01
  flagmeter prices import --shipped`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.shipped != (len(args) == 0) || o.shipped != (o.format == "") {
				return misuse("give a FILE and its --format, or --shipped alone")
			}
			ctx := cmd.Context()
			db, cfg, err := env.openPrices(ctx)
			if err != nil {
				return err
			}
			defer db.Close()
			wanted, err := o.wanted(cmd, args, cfg.Currency)
			if err != nil {
				return err
			}
			for i, r := range wanted.Rows {
				if r.Tenant == "" {
					continue
				}
				if wanted.Rows[i].Tenant, _, err = store.TenantKey(ctx, db, r.Tenant); err != nil {
					return err
				}
			}
			return applyPrices(ctx, db, wanted,
				prices.Change{Currency: cfg.Currency, Accept: o.acceptAll, DryRun: o.dryRun}, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "", "`format` of the file: "+strings.Join(source.Formats(), ", "))
	f.BoolVar(&o.shipped, "shipped", false, "import the list that came with this version")
	f.StringSliceVar(&o.providers, "provider", nil, "import only the prices of `providers`")
	f.Func("from", "`time` or date (UTC) from which new prices hold (default now)",
		setter(parsePriceTime, &o.from))
	f.BoolVar(&o.dryRun, "dry-run", false, "show what changes, and change nothing")
	f.BoolVar(&o.acceptAll, "accept", false, acceptUsage)
	return cmd
}

// wanted reads the list.
func (o *importOptions) wanted(
	cmd *cobra.Command, args []string, currency string,
) (change.Wanted, error) {
	now := failpoint.Now()
	if o.shipped {
		if currency != store.ShippedCurrency {
			return change.Wanted{}, fmt.Errorf("the shipped prices are in %s, but CURRENCY is %s",
				store.ShippedCurrency, currency)
		}
		wanted, err := shipped.Wanted(now)
		wanted.From = o.from
		return wanted, err
	}
	if err := source.CheckFormat(o.format); err != nil {
		return change.Wanted{}, misuse("--format %w", err)
	}
	text, err := readInput(cmd, args[0])
	if err != nil {
		return change.Wanted{}, err
	}
	list, err := source.Read(o.format, text)
	if err != nil {
		return change.Wanted{}, err
	}
	if len(o.providers) > 0 {
		list = list.Only(o.providers)
	}
	stdout := cmd.OutOrStdout()
	for _, left := range list.Left {
		fmt.Fprintf(stdout, "left out: %s: %s\n", left.Entry, left.Reason)
	}
	for _, fault := range list.Faults {
		fmt.Fprintf(stdout, "cannot be read: %s: %s\n", fault.Entry, fault.Reason)
	}
	if len(list.Faults) > 0 && !o.acceptAll {
		return change.Wanted{}, fmt.Errorf("nothing was changed: %s cannot be read;"+
			" repeat this with --accept to leave them out", entries(len(list.Faults)))
	}
	if len(list.Rows)+len(list.Names) == 0 {
		return change.Wanted{}, errors.New("the file has no such prices")
	}
	return change.Wanted{Rows: list.Rows, Names: list.Names, From: o.from, Now: now,
		Source: o.format + ": " + filepath.Base(args[0]), CheckedAt: now}, nil
}

// readInput reads a file, or standard input for "-".
func readInput(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(name)
}

// parsePriceTime reads --from.
func parsePriceTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, errors.New("must not be empty")
	}
	return source.ParseFrom(s)
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
