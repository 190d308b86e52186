package command

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
	"github.com/eduardosanzb/flagmeter/internal/price/change"
	"github.com/eduardosanzb/flagmeter/internal/prices"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

func pricesSet(env Env) *cobra.Command {
	var key price.Key
	var from time.Time
	var dryRun, accept bool
	cmd := &cobra.Command{
		Use:   "set MODEL POOL=PRICE…",
		Short: "Set prices of a model",
		Long: `Set prices of a model. PRICE is money of CURRENCY for 1,000,000 tokens of the pool,
like 3.75; 0 is free, and "none" withdraws the price. The pools are
` + strings.Join(meter.PoolNames(), ", ") + `.

A price holds for events from --from on; what was counted keeps its cost. It is in force
within 2 seconds. One that may be a mistake is refused without --accept: it changes by more
than 3 times, drops to 0, is withdrawn, or takes a name away from another model.`,
		Example: `  flagmeter prices set gpt-4o input=2.50 cacheRead=1.25 output=10 --provider openai
  flagmeter prices set gemini-2.5-pro input=2.50 output=15 --above 200000
  flagmeter prices set gpt-4o input=2 --tenant acme-corp --from 2026-04-01`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if wrong := meter.CheckName(args[0]); wrong != "" {
				return misuse("MODEL %s", wrong)
			}
			key.Model, key.Provider = args[0], price.CanonicalProvider(key.Provider)
			now := failpoint.Now()
			if from.IsZero() {
				from = now
			}
			rows, err := pricesOf(key, from, args[1:])
			if err != nil {
				return err
			}
			db, cfg, err := env.openPrices(ctx)
			if err != nil {
				return err
			}
			defer db.Close()
			if key.Tenant != "" {
				tenant, _, err := store.TenantKey(ctx, db, key.Tenant)
				if err != nil {
					return err
				}
				for i := range rows {
					rows[i].Tenant = tenant
				}
			}
			wanted := change.Wanted{Rows: rows, Now: now, Source: "set", CheckedAt: now, Set: true}
			return applyPrices(ctx, db, wanted,
				prices.Change{Currency: cfg.Currency, Accept: accept, DryRun: dryRun}, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&key.Provider, "provider", "", "`provider` whose price it is (default every provider)")
	f.Func("tier", "service `tier`: standard, batch, flex or priority (default standard)",
		setter(meter.ParseServiceTier, &key.Tier))
	f.Func("above", "input `tokens` above which it holds for the whole event (default any input)",
		setter(parseQuota, &key.Above))
	f.StringVar(&key.Tenant, "tenant", "", "`tenant` that negotiated it (default all)")
	f.Func("from", "`time` or date (UTC) from which it holds (default now)",
		setter(parsePriceTime, &from))
	f.BoolVar(&dryRun, "dry-run", false, "show what changes, and change nothing")
	f.BoolVar(&accept, "accept", false, acceptUsage)
	return cmd
}

// pricesOf reads arguments like input=3.75.
func pricesOf(key price.Key, from time.Time, args []string) (rows []price.Row, err error) {
	seen := map[meter.Pool]bool{}
	for _, arg := range args {
		pool, value, found := strings.Cut(arg, "=")
		if !found {
			return nil, misuse("%q must be POOL=PRICE, like input=3.75", arg)
		}
		r := price.Row{Key: key, From: from, Withdrawn: value == "none"}
		if r.Pool, err = meter.ParsePool(pool); err != nil {
			return nil, misuse("pool %w", err)
		}
		if seen[r.Pool] {
			return nil, misuse("%s is there twice", r.Pool)
		}
		seen[r.Pool] = true
		if !r.Withdrawn {
			if r.Price, err = meter.ParseTokenPrice(value); err != nil {
				return nil, misuse("the price of %s %w", r.Pool, err)
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}
