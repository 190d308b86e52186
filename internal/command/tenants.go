package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Tenants adds, lists and changes tenants.
func Tenants(env Env) *cobra.Command {
	return menu("tenants", "Add, list, change and rename tenants", tenantsAdd(env), tenantsList(env),
		tenantsSet(env), tenantsRename(env))
}

func tenantsAdd(env Env) *cobra.Command {
	t := acme
	t.Quota = 0
	var rate rateFlags
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a tenant",
		Long:  "Add a tenant. It can send events within 2 seconds.",
		Example: `  flagmeter tenants add acme-corp --quota 1_000_000
  flagmeter tenants add kontor-legal --quota 50_000_000 --timezone Europe/Berlin \
    --billing-day 15 --thresholds 80,100`,
		Args: cobra.MatchAll(tenantName, func(_ *cobra.Command, args []string) error {
			return newTenantName(args[0])
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			t.Name = meter.Normal(args[0])
			if change, err := rate.change(cmd); err != nil {
				return err
			} else if change != nil {
				t.Rate, t.OwnRate = change.Rate, change.Own
			}
			if !cmd.Flags().Changed("thresholds") {
				cfg, err := config.Load(env.Getenv)
				if err != nil {
					return err
				}
				t.Thresholds = cfg.Thresholds()
			}
			db, err := env.openMigrated(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			added, err := store.AddTenant(cmd.Context(), db, t)
			if err != nil {
				return err
			}
			if !added {
				return fmt.Errorf("tenant %q exists already: change it with 'flagmeter tenants set'", t.Name)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "added tenant %s\n", meter.Quote(t.Name))
			return err
		},
	}
	f := cmd.Flags()
	f.Func("quota", quotaUsage+" (default none)", setter(parseQuota, &t.Quota))
	f.Func("billing-day", billingDayUsage+" (default 1)", setter(parseBillingDay, &t.BillingDay))
	f.Func("timezone", zoneUsage+" (default UTC)", setter(parseZone, &t.Zone))
	f.Func("thresholds", thresholdsUsage+" (default DEFAULT_THRESHOLDS, or 80)",
		setter(meter.ParseThresholds, &t.Thresholds))
	f.Func("enforce", enforceUsage+" (default off)", setter(meter.ParseEnforcement, &t.Enforce))
	rate.register(cmd, rateUsage, 0)
	return cmd
}

func tenantsSet(env Env) *cobra.Command {
	var c store.TenantChange
	var archive, unarchive bool
	var rate rateFlags
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a tenant",
		Long: `Change a tenant. What no flag is given for stays as it is; a change is in force within
2 seconds. An archived tenant keeps its figures and accepts no events.`,
		Example: `  flagmeter tenants set acme-corp --quota 2_000_000 --enforce soft
  flagmeter tenants set acme-corp --rate-limit 500 --rate-burst 10_000
  flagmeter tenants set acme-corp --archive`,
		Args: tenantName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f := cmd.Flags(); f.Changed("archive") || f.Changed("unarchive") {
				archived := archive || f.Changed("unarchive") && !unarchive
				c.Archived = &archived
			}
			var err error
			if c.Rate, err = rate.change(cmd); err != nil {
				return err
			}
			db, err := env.openMigrated(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			key, shown, err := store.TenantKey(cmd.Context(), db, args[0])
			if err != nil {
				return err
			}
			if err := store.ChangeTenant(cmd.Context(), db, key, c); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "changed tenant %s\n", meter.Quote(shown))
			return err
		},
	}
	f := cmd.Flags()
	f.Func("quota", quotaUsage, setter(optional(parseQuota), &c.Quota))
	f.Func("billing-day", billingDayUsage, setter(optional(parseBillingDay), &c.BillingDay))
	f.Func("timezone", zoneUsage, setter(parseZone, &c.Zone))
	f.Func("thresholds", thresholdsUsage, setter(meter.ParseThresholds, &c.Thresholds))
	f.Func("enforce", enforceUsage, setter(optional(meter.ParseEnforcement), &c.Enforce))
	rate.register(cmd, rateUsage, 0)
	f.BoolVar(&archive, "archive", false, "accept no more events")
	f.BoolVar(&unarchive, "unarchive", false, "accept events again")
	cmd.MarkFlagsMutuallyExclusive("archive", "unarchive")
	cmd.MarkFlagsOneRequired("quota", "billing-day", "timezone", "thresholds", "rate-limit",
		"rate-burst", "enforce", "archive", "unarchive")
	return cmd
}

// tenantName wants one argument that can be the name of a tenant.
func tenantName(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("give one tenant's name, not %d", len(args))
	}
	if wrong := meter.CheckName(args[0]); wrong != "" {
		return fmt.Errorf("tenant name %s", wrong)
	}
	return nil
}

// newTenantName wants a name that a tenant may get.
func newTenantName(name string) error {
	if wrong := meter.CheckNewTenant(meter.Normal(name)); wrong != "" {
		return fmt.Errorf("tenant name %s", wrong)
	}
	return nil
}
