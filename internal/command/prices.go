package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jmoiron/sqlx"
	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/price/change"
	"github.com/eduardosanzb/flagmeter/internal/price/shipped"
	"github.com/eduardosanzb/flagmeter/internal/prices"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Prices lists, sets and imports what tokens cost.
func Prices(env Env) *cobra.Command {
	return menu("prices", "List, check, set and import what tokens cost", pricesList(env),
		pricesCheck(env), pricesSet(env), pricesImport(env))
}

const acceptUsage = "also accept changes that may be mistakes"

// openPrices opens the database, with the deployment's settings.
func (e Env) openPrices(ctx context.Context) (*sqlx.DB, config.Config, error) {
	cfg, err := config.Load(e.Getenv, "DATABASE_URL")
	if err != nil {
		return nil, cfg, err
	}
	db, err := e.openMigrated(ctx)
	if err != nil {
		return nil, cfg, err
	}
	if err := store.CheckCurrency(ctx, db, cfg.Currency); err != nil {
		db.Close()
		return nil, cfg, err
	}
	return db, cfg, nil
}

// applyPrices applies a change and shows it.
func applyPrices(
	ctx context.Context, db *sqlx.DB, w change.Wanted, c prices.Change, stdout io.Writer,
) error {
	plan, err := prices.Apply(ctx, db, w, c)
	doubtful, refused := errors.AsType[*prices.DoubtfulError](err)
	if err != nil && !refused {
		return err
	}
	if err := writePlan(stdout, plan, c.Currency); err != nil {
		return err
	}
	switch {
	case refused:
		return fmt.Errorf("%w; repeat this with --accept if all are right", doubtful)
	case len(plan.Rows)+len(plan.Names) == 0:
		_, err = fmt.Fprintln(stdout, "nothing to change")
	case c.DryRun:
		_, err = fmt.Fprintln(stdout, "nothing was changed: this was a dry run")
	default:
		_, err = fmt.Fprintf(stdout, "added %s and %s, in force within 2 seconds\n",
			count(len(plan.Rows), "price"), count(len(plan.Names), "name"))
	}
	return err
}

// mostLines is how many lines of new prices a plan lists. More are counted.
const mostLines = 50

// writePlan prints what a plan changes. Prices that are new are only counted if they are many.
func writePlan(w io.Writer, p change.Plan, currency string) error {
	lines := p.Lines
	isNew := func(l change.Line) bool { return l.Old == "" && l.Reason == "" }
	if len(lines) > mostLines {
		lines = slices.DeleteFunc(slices.Clone(lines), isNew)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(lines) > 0 {
		fmt.Fprintf(table, "%s FOR 1,000,000 TOKENS\tBEFORE\tAFTER\tFROM\t\n", currency)
	}
	for _, l := range lines {
		from, note := "", ""
		if !l.From.IsZero() {
			from = l.From.Format(time.RFC3339)
		}
		if l.Reason != "" {
			note = "! " + l.Reason
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", l.What, l.Old, l.New, from, note)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if hidden := len(p.Lines) - len(lines); hidden > 0 {
		fmt.Fprintf(w, "and %s more that were not there before\n", humanize.Comma(int64(hidden)))
	}
	if p.Unchanged > 0 {
		fmt.Fprintf(w, "%s as they are\n", count(p.Unchanged, "line"))
	}
	if p.Overridden > 0 {
		fmt.Fprintf(w, "%s of the program change nothing: yours win\n", count(p.Overridden, "price"))
	}
	return nil
}

// count is a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return humanize.Comma(int64(n)) + " " + what + "s"
}

// loadShipped gives models that have no price those that come with the program. They are in USD: in
// another currency it does nothing.
func loadShipped(
	ctx context.Context, db *sqlx.DB, currency string, now time.Time,
) (added int, err error) {
	if currency != store.ShippedCurrency {
		return 0, nil
	}
	wanted, err := shipped.Wanted(now)
	if err != nil {
		return 0, err
	}
	wanted.Missing = true
	// Mostly there is nothing to add: look before others have to wait.
	plan, err := prices.Apply(ctx, db, wanted, prices.Change{Currency: currency, DryRun: true})
	if err == nil && len(plan.Rows) > 0 {
		plan, err = prices.Apply(ctx, db, wanted, prices.Change{Currency: currency})
	}
	if _, other := errors.AsType[*store.CurrencyError](err); other {
		return 0, nil // the roles will say so
	}
	if ctx.Err() != nil {
		return 0, ctx.Err() // which Postgres reports as an error of the statement
	}
	return len(plan.Rows), err
}
