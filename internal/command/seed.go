package command

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// acme is the tenant of the examples.
var acme = meter.Tenant{Name: "acme-corp", Quota: 1_000_000, BillingDay: 1, Zone: time.UTC,
	Thresholds: []int{80}}

// Seed adds the tenant of the examples.
func Seed(env Env) *cobra.Command {
	return &cobra.Command{
		Use:     "seed",
		Short:   "Add the example tenant acme-corp",
		Example: `  flagmeter seed`,
		Long: `Add the example tenant acme-corp: a quota of 1,000,000 tokens, billing day 1, UTC,
an alert at 80 %. If there is a tenant of that name, it stays as it is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := env.openMigrated(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			text := "added tenant acme-corp"
			if added, err := addTenants(cmd.Context(), db, acme); err != nil {
				return err
			} else if added == 0 {
				text = "tenant acme-corp exists already"
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}
}

// addTenants adds those of the tenants that do not exist, and returns how many.
func addTenants(ctx context.Context, db *sqlx.DB, tenants ...meter.Tenant) (added int, err error) {
	for _, t := range tenants {
		isNew, err := store.AddTenant(ctx, db, t)
		if err != nil {
			return added, err
		}
		if isNew {
			added++
		}
	}
	return added, nil
}
