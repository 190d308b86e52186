package command

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/alerter/outbox"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Alerts shows what was sent, sends it again, and tries webhooks.
func Alerts(env Env) *cobra.Command {
	return menu("alerts", "See what was sent, send it again, try webhooks", alertsList(env),
		alertsResend(env), alertsTest(env))
}

func alertsResend(env Env) *cobra.Command {
	var ask store.ResendQuery
	var all bool
	cmd := &cobra.Command{
		Use:   "resend [ID...]",
		Short: "Send deliveries again",
		Long: `Send deliveries again that were given up. Name deliveries or whole alerts by their ids,
then delivered ones go again too; or name a tenant, or --all, for those that are dead. Each has
another 24 hours, and the webhook-id that its receiver knows already. A running alerter
sends them within a second.`,
		Example: `  flagmeter alerts resend --tenant acme-corp
  flagmeter alerts resend 018f0c4e-0000-7000-8000-000000000001`,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				id, err := uuid.Parse(arg)
				if err != nil {
					return misuse("%q is not the id of a delivery or an alert", arg)
				}
				ask.IDs = append(ask.IDs, id)
			}
			if all && len(ask.IDs) > 0 {
				return misuse("--all is for deliveries that are not named by their ids")
			}
			if !all && ask.Tenant == "" && len(ask.IDs) == 0 {
				return misuse("say what to send again: ids, --tenant, or --all")
			}
			db, err := env.openMigrated(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			if ask.Tenant != "" {
				if ask.Tenant, _, err = store.TenantKey(cmd.Context(), db, ask.Tenant); err != nil {
					return err
				}
			}
			n, err := store.Resend(cmd.Context(), db, ask)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d deliveries will be sent again\n", n)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&ask.Tenant, "tenant", "", "only those of the `tenant`")
	f.BoolVar(&all, "all", false, "all that are dead")
	cmd.MarkFlagsMutuallyExclusive("tenant", "all")
	return cmd
}

func alertsTest(env Env) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "test --tenant NAME",
		Short:   "Send a test message and print the answers",
		Example: `  flagmeter alerts test --tenant acme-corp`,
		Long: `Send a message that is marked as a test to every webhook that the tenant's alerts go to,
and print what they answer. It fails if one of them does not take it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(env.Getenv, "DATABASE_URL")
			if err != nil {
				return err
			}
			db, err := env.openMigrated(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			tenant, err := findTenant(cmd.Context(), db, name)
			if err != nil {
				return err
			}
			probes, err := outbox.Test(cmd.Context(),
				outbox.Options{DB: db, DefaultURL: string(cfg.SlackWebhookURL),
					AllowPrivate: cfg.WebhookAllowPrivate, PublicURL: cfg.PublicURL}, tenant)
			if err != nil {
				return err
			}
			if len(probes) == 0 {
				return fmt.Errorf(
					"alerts of %s go nowhere: add a row to slack_webhooks or webhooks, or set SLACK_WEBHOOK_URL",
					meter.Quote(tenant.Shown()))
			}
			failed := 0
			for _, p := range probes {
				text := "taken"
				if p.Error != "" {
					text, failed = p.Error, failed+1
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, after %s, HTTP status %d, answer %q\n", p.Target, text,
					p.Took.Round(time.Millisecond), p.Status, p.Answer)
			}
			if failed > 0 {
				return fmt.Errorf("%d of %d webhooks did not take the message", failed, len(probes))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "tenant", "", "whose webhooks to try, a tenant's `name`")
	_ = cmd.MarkFlagRequired("tenant") // it exists
	return cmd
}

// findTenant returns the tenant that a name leads to, or an error that says there is none.
func findTenant(ctx context.Context, db *sqlx.DB, name string) (meter.Tenant, error) {
	key, _, err := store.TenantKey(ctx, db, name)
	if err != nil {
		return meter.Tenant{}, err
	}
	all, _, err := store.Tenants(ctx, db)
	if err != nil {
		return meter.Tenant{}, err
	}
	for _, t := range all {
		if t.Name == key {
			return t, nil
		}
	}
	return meter.Tenant{}, fmt.Errorf("%w: %q", store.ErrNoTenant, name)
}
