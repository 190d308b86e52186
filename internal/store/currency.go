package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// CurrencyError reports that the database has money of another currency than the settings name.
type CurrencyError struct{ Noted, Setting string }

func (e *CurrencyError) Error() string {
	return fmt.Sprintf("CURRENCY is %s, but prices and costs in this database are in %s:"+
		" set CURRENCY=%s",
		e.Setting, e.Noted, e.Noted)
}

// CheckCurrency returns a *CurrencyError if the database has money of another currency. One that
// has none yet may be of any.
func CheckCurrency(ctx context.Context, q sqlx.QueryerContext, setting string) error {
	var noted string
	err := sqlx.GetContext(ctx, q, &noted, "SELECT code FROM currency")
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("read currency: %w", err)
	case noted != setting:
		return &CurrencyError{Noted: noted, Setting: setting}
	}
	return nil
}

// NoteCurrency notes the currency of the first price or cost. It returns a *CurrencyError if
// another one is noted.
func NoteCurrency(ctx context.Context, q sqlx.ExtContext, setting string) error {
	_, err := q.ExecContext(ctx,
		"INSERT INTO currency (code) VALUES ($1) ON CONFLICT DO NOTHING", setting)
	if err != nil {
		return fmt.Errorf("note currency: %w", err)
	}
	return CheckCurrency(ctx, q, setting)
}
