package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

// ShippedCurrency is the currency of the prices that come with the program. They hold in no other.
const ShippedCurrency = "USD"

// ErrPriceTaken reports a price for which there is another one from the same instant on.
var ErrPriceTaken = errors.New("there is a price from that instant on already")

// priceRow is a row of prices as Postgres returns it.
type priceRow struct {
	ID        string        `db:"id"`
	Tenant    string        `db:"tenant"`
	Provider  string        `db:"provider"`
	Model     string        `db:"model"`
	Tier      string        `db:"service_tier"`
	Pool      string        `db:"pool"`
	Above     int64         `db:"above_input_tokens"`
	Inclusive bool          `db:"inclusive"`
	Nano      sql.NullInt64 `db:"nano_per_million"`
	From      time.Time     `db:"effective_from"`
	Shipped   bool          `db:"shipped"`
	Source    string        `db:"source"`
	CheckedAt time.Time     `db:"checked_at"`
}

// PricesVersion is a number that grows with every change of prices or price_names.
func PricesVersion(ctx context.Context, q sqlx.QueryerContext) (int64, error) {
	var version int64
	if err := sqlx.GetContext(ctx, q, &version, "SELECT version FROM prices_version"); err != nil {
		return 0, fmt.Errorf("read version of prices: %w", err)
	}
	return version, nil
}

// Prices returns all prices that can hold in a deployment of that currency, oldest first. A row
// that a newer version has added and this one cannot read is named in odd.
func Prices(
	ctx context.Context, q sqlx.QueryerContext, currency string,
) (rows []price.Row, odd []OddRow, err error) {
	found := func(row, reason string) {
		odd = append(odd, OddRow{Table: "prices", Row: row, Reason: reason,
			Instead: "the row is skipped"})
	}
	err = eachRow(ctx, q, func(r priceRow) {
		tier, err := meter.ParseServiceTier(r.Tier)
		if err != nil {
			found(r.ID, "service_tier "+err.Error())
			return
		}
		pool, err := meter.ParsePool(r.Pool)
		if err != nil {
			found(r.ID, "pool "+err.Error())
			return
		}
		rows = append(rows, price.Row{
			Key: price.Key{Tenant: r.Tenant, Provider: r.Provider, Model: r.Model, Tier: tier, Pool: pool,
				Above: r.Above},
			Inclusive: r.Inclusive, Price: meter.TokenPrice(r.Nano.Int64), Withdrawn: !r.Nano.Valid,
			From: r.From.UTC(), Shipped: r.Shipped, Source: r.Source, CheckedAt: r.CheckedAt.UTC(),
		})
	}, func(row string, err error) { found(row, err.Error()) },
		`SELECT id::text, coalesce(tenant, '') AS tenant, coalesce(provider, '') AS provider, model,
			service_tier, pool, above_input_tokens, inclusive, nano_per_million, effective_from, shipped,
			source, checked_at
		FROM prices WHERE NOT shipped OR $1 ORDER BY prices.id`, currency == ShippedCurrency)
	if err != nil {
		return nil, nil, fmt.Errorf("read prices: %w", err)
	}
	return rows, odd, nil
}

// PriceNames returns all declared names of models, in the order in which they were declared.
func PriceNames(ctx context.Context, q sqlx.QueryerContext, currency string) ([]price.Name, error) {
	var names []price.Name
	err := sqlx.SelectContext(ctx, q, &names, `SELECT coalesce(provider, '') AS provider, name,
		coalesce(model, '') AS model, shipped, source FROM price_names WHERE NOT shipped OR $1
		ORDER BY id`, currency == ShippedCurrency)
	if err != nil {
		return nil, fmt.Errorf("read names of models: %w", err)
	}
	return names, nil
}

// LockPrices lets no other transaction add prices or names until tx ends, so that what tx has read
// stays as it is. Reading goes on.
func LockPrices(ctx context.Context, tx *sqlx.Tx) error {
	// The row that every addition changes.
	if _, err := tx.ExecContext(ctx, "SELECT FROM prices_version FOR UPDATE"); err != nil {
		return fmt.Errorf("lock prices: %w", err)
	}
	return nil
}

// AddPrices adds rows and names. It returns ErrPriceTaken if one of the rows would overlap another
// one, and ErrNoTenant if a tenant does not exist.
func AddPrices(ctx context.Context, tx *sqlx.Tx, rows []price.Row, names []price.Name) error {
	if len(rows) > 0 {
		if err := addPriceRows(ctx, tx, rows); err != nil {
			return fmt.Errorf("add prices: %w", err)
		}
	}
	if len(names) == 0 {
		return nil
	}
	var c columns
	for _, n := range names {
		c.add(n.Provider, n.Name, n.Model, n.Shipped, n.Source)
	}
	// One statement announces all of them at once.
	_, err := tx.ExecContext(ctx, `INSERT INTO price_names (provider, name, model, shipped, source)
		SELECT nullif(provider, ''), name, nullif(model, ''), shipped::boolean, source
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
			WITH ORDINALITY AS n (provider, name, model, shipped, source, place) ORDER BY place`, c...)
	if err != nil {
		return fmt.Errorf("add names of models: %w", err)
	}
	return nil
}

func addPriceRows(ctx context.Context, tx *sqlx.Tx, rows []price.Row) error {
	var c columns
	for _, r := range rows {
		nano := ""
		if !r.Withdrawn {
			nano = fmt.Sprint(int64(r.Price))
		}
		c.add(r.Tenant, r.Provider, r.Model, r.Tier, r.Pool, r.Above, r.Inclusive, nano,
			r.From.UTC().Format(time.RFC3339Nano), r.Shipped, r.Source,
			r.CheckedAt.UTC().Format(time.RFC3339Nano))
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO prices (tenant, provider, model, service_tier, pool,
			above_input_tokens, inclusive, nano_per_million, effective_from, shipped, source, checked_at)
		SELECT nullif(tenant, ''), nullif(provider, ''), model, tier, pool, above::bigint,
			inclusive::boolean, nullif(nano, '')::bigint, at::timestamptz, shipped::boolean, source,
			checked::timestamptz
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
				$8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
			WITH ORDINALITY AS p (tenant, provider, model, tier, pool, above, inclusive, nano, at,
				shipped, source, checked, place) ORDER BY place`, c...)
	var refused *pq.Error
	if errors.As(err, &refused) {
		switch refused.Constraint {
		case "prices_no_overlap":
			return ErrPriceTaken
		case "prices_tenant_fkey":
			return ErrNoTenant
		}
	}
	return err
}

// columns are the parameters of a statement that adds many rows: an array of texts for each column.
type columns []any

func (c *columns) add(values ...any) {
	if *c == nil {
		for range values {
			*c = append(*c, &pq.StringArray{})
		}
	}
	for i, value := range values {
		column := (*c)[i].(*pq.StringArray)
		*column = append(*column, fmt.Sprint(value))
	}
}
