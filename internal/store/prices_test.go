package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

var day = time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)

// addPrices adds them in a transaction.
func addPrices(t *testing.T, db *sqlx.DB, rows []price.Row, names []price.Name) error {
	t.Helper()
	tx, err := db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := store.LockPrices(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if err := store.AddPrices(t.Context(), tx, rows, names); err != nil {
		return err
	}
	return tx.Commit()
}

func TestPricesReturnsWhatWasAdded(t *testing.T) {
	env := stacktest.New(t)
	if _, err := env.DB.Exec("INSERT INTO tenants (name) VALUES ('acme')"); err != nil {
		t.Fatal(err)
	}
	before, err := store.PricesVersion(t.Context(), env.DB)
	if err != nil {
		t.Fatal(err)
	}
	rows := []price.Row{
		{Key: price.Key{Provider: "openai", Model: `gpt,"4o"{}\`, Pool: meter.CacheWrite1h}, Price: 3_000_000_001,
			From: time.Unix(0, 0).UTC(), Shipped: true, Source: "a file, 2026", CheckedAt: day},
		{Key: price.Key{Tenant: "acme", Model: "gpt-4o", Tier: meter.TierBatch, Pool: meter.Input, Above: 200_000},
			Inclusive: true, From: day.Add(time.Microsecond), Source: "set", CheckedAt: day},
		{Key: price.Key{Provider: "openai", Model: "gpt-4o", Pool: meter.Input}, Withdrawn: true, From: day,
			Source: "set", CheckedAt: day},
	}
	names := []price.Name{{Name: "four-####", Model: "gpt-4o", Source: "set"},
		{Provider: "openai", Name: "four-####", Shipped: true, Source: "a file"}}
	if err := addPrices(t, env.DB, rows, names); err != nil {
		t.Fatal(err)
	}
	got, odd, err := store.Prices(t.Context(), env.DB, "USD")
	if err != nil || odd != nil || !slices.Equal(got, rows) {
		t.Errorf("got %+v, %v, %v\nwant %+v", got, odd, err, rows)
	}
	declared, err := store.PriceNames(t.Context(), env.DB, "USD")
	if err != nil || !slices.Equal(declared, names) {
		t.Errorf("got %+v, %v\nwant %+v", declared, err, names)
	}
	if after, err := store.PricesVersion(t.Context(), env.DB); err != nil || after == before {
		t.Errorf("version %d, %v; before %d", after, err, before)
	}

	// Shipped prices are in USD.
	got, _, err = store.Prices(t.Context(), env.DB, "EUR")
	if err != nil || !slices.Equal(got, rows[1:]) {
		t.Errorf("in EUR: %+v, %v", got, err)
	}
	declared, err = store.PriceNames(t.Context(), env.DB, "EUR")
	if err != nil || !slices.Equal(declared, names[:1]) {
		t.Errorf("in EUR: %+v, %v", declared, err)
	}

	again := rows[1]
	again.Price, again.Inclusive = 7, false
	if err := addPrices(t, env.DB, []price.Row{again}, nil); !errors.Is(err, store.ErrPriceTaken) {
		t.Errorf("the same instant again: %v, want %v", err, store.ErrPriceTaken)
	}
	again.Tenant, again.Provider = "", ""
	if err := addPrices(t, env.DB, []price.Row{again, again}, nil); !errors.Is(err, store.ErrPriceTaken) {
		t.Errorf("twice, for every provider: %v, want %v", err, store.ErrPriceTaken)
	}
	again.Tenant = "zed"
	if err := addPrices(t, env.DB, []price.Row{again}, nil); !errors.Is(err, store.ErrNoTenant) {
		t.Errorf("of an unknown tenant: %v, want %v", err, store.ErrNoTenant)
	}
}

func TestCurrencyIsNotedOnce(t *testing.T) {
	env := stacktest.New(t)
	if err := store.CheckCurrency(t.Context(), env.DB, "EUR"); err != nil {
		t.Errorf("without money: %v", err)
	}
	for range 2 {
		if err := store.NoteCurrency(t.Context(), env.DB, "EUR"); err != nil {
			t.Fatal(err)
		}
	}
	for name, note := range map[string]func() error{
		"check": func() error { return store.CheckCurrency(t.Context(), env.DB, "USD") },
		"note":  func() error { return store.NoteCurrency(t.Context(), env.DB, "USD") },
	} {
		var refused *store.CurrencyError
		if err := note(); !errors.As(err, &refused) || refused.Noted != "EUR" {
			t.Errorf("%s another: %v", name, err)
		}
	}
	if err := store.CheckCurrency(t.Context(), env.DB, "EUR"); err != nil {
		t.Error(err)
	}
}
