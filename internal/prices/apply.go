package prices

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/price/change"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// DoubtfulError reports changes that may be mistakes. Nothing was changed.
type DoubtfulError struct{ Lines []change.Line }

func (e *DoubtfulError) Error() string {
	return fmt.Sprintf("nothing was changed: %d changes may be mistakes, the first: %s: %s",
		len(e.Lines), e.Lines[0].What, e.Lines[0].Reason)
}

// ConflictError reports prices from an instant from which there are others. Nothing was changed.
type ConflictError struct{ Conflicts []string }

func (e *ConflictError) Error() string {
	return "nothing was changed: " + strings.Join(e.Conflicts, "; ")
}

// Change says how far Apply goes.
type Change struct {
	Currency string // of the deployment
	Accept   bool   // also what may be a mistake
	DryRun   bool
}

// Apply brings what is wanted into force, as a whole or not at all, and returns what that changes.
// Its errors are *DoubtfulError, unless the changes are accepted, *ConflictError,
// *store.CurrencyError and store.ErrNoTenant. The plan is returned with them, too.
func Apply(ctx context.Context, db *sqlx.DB, w change.Wanted, c Change) (p change.Plan, err error) {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return p, fmt.Errorf("change prices: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	if !c.DryRun {
		if err := store.LockPrices(ctx, tx); err != nil {
			return p, err
		}
	}
	if err := store.CheckCurrency(ctx, tx, c.Currency); err != nil {
		return p, err
	}
	rows, _, err := store.Prices(ctx, tx, c.Currency)
	if err != nil {
		return p, err
	}
	names, err := store.PriceNames(ctx, tx, c.Currency)
	if err != nil {
		return p, err
	}
	p = change.Make(rows, names, w)
	if len(p.Conflicts) > 0 {
		return p, &ConflictError{p.Conflicts}
	}
	if doubtful := p.Doubtful(); len(doubtful) > 0 && !c.Accept {
		return p, &DoubtfulError{doubtful}
	}
	if c.DryRun || len(p.Rows)+len(p.Names) == 0 {
		return p, nil
	}
	if !w.Shipped { // which hold only in their own currency
		if err := store.NoteCurrency(ctx, tx, c.Currency); err != nil {
			return p, err
		}
	}
	if err := store.AddPrices(ctx, tx, p.Rows, p.Names); err != nil {
		return p, err
	}
	if err := tx.Commit(); err != nil {
		return p, fmt.Errorf("change prices: %w", err)
	}
	return p, nil
}
