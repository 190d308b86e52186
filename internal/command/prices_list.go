package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
	"github.com/eduardosanzb/flagmeter/internal/prices"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

func pricesList(env Env) *cobra.Command {
	var f prices.Filter
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List prices",
		Long: `List the prices that hold now or will, with --all also those that did. Which of several
holds for an event: docs/guides/prices.md.`,
		Example: `  flagmeter prices list --model gpt-4o
  flagmeter prices list --tenant acme-corp --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			db, cfg, err := env.openPrices(ctx)
			if err != nil {
				return err
			}
			defer db.Close()
			if f.Tenant != "" {
				if f.Tenant, _, err = store.TenantKey(ctx, db, f.Tenant); err != nil {
					return err
				}
			}
			rows, odd, err := store.Prices(ctx, db, cfg.Currency)
			if err != nil {
				return err
			}
			warnOdd(cmd.ErrOrStderr(), odd)
			tenants, odd, err := store.Tenants(ctx, db)
			if err != nil {
				return err
			}
			warnOdd(cmd.ErrOrStderr(), odd)
			shown := map[string]string{}
			for _, t := range tenants {
				shown[t.Name] = t.Shown()
			}
			rows = prices.Select(rows, f, failpoint.Now())
			if asJSON {
				return writePricesJSON(cmd.OutOrStdout(), rows, shown)
			}
			return writePrices(cmd.OutOrStdout(), rows, shown, cfg.Currency)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Model, "model", "", "only those of the `model`")
	flags.StringVar(&f.Provider, "provider", "", "only those of the `provider`")
	flags.StringVar(&f.Tenant, "tenant", "", "only those that the `tenant` negotiated")
	flags.BoolVar(&f.All, "all", false, "also those that hold no more")
	flags.BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func writePricesJSON(w io.Writer, rows []price.Row, shown map[string]string) error {
	list := make([]prices.View, len(rows))
	for i, r := range rows {
		list[i] = prices.ViewOf(r, shown[r.Tenant])
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(list)
}

// writePrices prints a line for the pools that have all else in common.
func writePrices(w io.Writer, rows []price.Row, shown map[string]string, currency string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "MODEL\tPROVIDER\tTENANT\tTIER\tINPUT\tFROM\tORIGIN\t"+
		"%s FOR 1,000,000 TOKENS\n", currency)
	for i := 0; i < len(rows); {
		first := rows[i]
		var pools []string
		for ; i < len(rows) && sameLine(first, rows[i]); i++ {
			value := rows[i].Price.String()
			if rows[i].Withdrawn {
				value = "none"
			}
			pools = append(pools, rows[i].Pool.String()+"="+value)
		}
		provider, tenant, input, from, origin := "every", "all", "any", "always", "yours"
		if first.Provider != "" {
			provider = first.Provider
		}
		if first.Tenant != "" {
			tenant = meter.Quote(shown[first.Tenant])
		}
		if first.Above > 0 {
			input = fmt.Sprintf("> %d", first.Above)
			if first.Inclusive {
				input = fmt.Sprintf(">= %d", first.Above)
			}
		}
		if first.From.Unix() != 0 {
			from = first.From.Format(time.RFC3339)
		}
		if first.Shipped {
			origin = "shipped"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", meter.Quote(first.Model), provider, tenant,
			first.Tier, input, from, origin, strings.Join(pools, " "))
	}
	return table.Flush()
}

// sameLine reports whether two prices differ in no more than pool and price.
func sameLine(a, b price.Row) bool {
	a.Pool = b.Pool
	return a.Key == b.Key && a.From.Equal(b.From) && a.Inclusive == b.Inclusive &&
		a.Shipped == b.Shipped
}

func pricesCheck(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Look for prices that may be wrong",
		Long: `Look for prices that may be wrong: cached input that costs more than other input, batches
that cost more than single calls, output without a price of reasoning, lists that are old.
It changes nothing.

Exit status: 0 if there are none, 1 if there are some.`,
		Example: "  flagmeter prices check",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			db, cfg, err := env.openPrices(ctx)
			if err != nil {
				return err
			}
			defer db.Close()
			rows, odd, err := store.Prices(ctx, db, cfg.Currency)
			if err != nil {
				return err
			}
			warnOdd(cmd.ErrOrStderr(), odd)
			names, err := store.PriceNames(ctx, db, cfg.Currency)
			if err != nil {
				return err
			}
			findings := prices.Check(rows, names, failpoint.Now())
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, f := range findings {
				fmt.Fprintf(table, "%s\t%s\n", f.What, f.Why)
			}
			if err := table.Flush(); err != nil {
				return err
			}
			if len(findings) > 0 {
				return fmt.Errorf("%s about %s", count(len(findings), "finding"),
					count(len(rows), "price"))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s, nothing found\n", count(len(rows), "price"))
			return err
		},
	}
}
