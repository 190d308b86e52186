package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// auditRange is what is audited without --from.
const auditRange = 24 * time.Hour

// Audit compares events with rollups and usage_daily.
func Audit(env Env) *cobra.Command {
	var q audit.Query
	var repair, asJSON bool
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Prove that events and their sums agree",
		Long: `Compare the events with what rollups and usage_daily say, minute by minute and day by
day, and show each difference. It can be done at any time beside a running system: what
is still on its way there is left out, and audited when it has arrived, a minute or two
later. Rows that Postgres has refused (table dead_events) are taken into account.

Days are those of the tenant's own calendar, each compared as a whole. Where a tenant's
time zone was changed, older days were cut otherwise; there only the total is compared.

--repair rebuilds the sums from the events, all in one transaction, which makes the
events right and the sums wrong: look at the differences first. It is safe beside a
running system as well, and live usage shows the result within a second or two.

Exit status: 0 if all agree or everything was repaired; 1 if there is drift, or for any
failure; 2 for a command line that makes no sense.`,
		Example: `  flagmeter audit
  flagmeter audit --from 2026-03-01 --to 2026-04-01 --tenant acme-corp
  flagmeter audit --from 2026-03-09T14:00:00Z --to 2026-03-09T15:00:00Z --repair`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.To.IsZero() {
				q.To = time.Now()
			}
			if q.From.IsZero() {
				q.From = q.To.Add(-auditRange)
			}
			if q.To.Before(q.From) {
				return misuse("--to is %s, before --from, which is %s",
					q.To.Format(time.RFC3339), q.From.Format(time.RFC3339))
			}
			report, err := runAudit(cmd.Context(), env, q, repair)
			if err != nil {
				return err
			}
			write := writeAudit
			if asJSON {
				write = writeAuditJSON
			}
			if err := write(cmd.OutOrStdout(), report); err != nil {
				return err
			}
			switch {
			case report.Resolved():
				return nil
			case repair:
				return errors.New("not everything could be repaired: choose an earlier --from")
			default:
				return errors.New("there is drift")
			}
		},
	}
	f := cmd.Flags()
	f.Func("from", "`time` of the first event, like 2026-03-09T14:00:00Z, or a UTC date (default"+
		" 24 hours before --to)", setter(parseTime, &q.From))
	f.Func("to", "`time` behind the last event (default now)", setter(parseTime, &q.To))
	f.Func("tenant", "`name` of the only tenant to audit (default all)", func(s string) error {
		if wrong := meter.CheckName(s); wrong != "" {
			return errors.New(wrong)
		}
		q.Tenant = s
		return nil
	})
	f.BoolVar(&repair, "repair", false, "rebuild the sums from the events")
	f.BoolVar(&asJSON, "json", false, "print one JSON object with every difference")
	return cmd
}

// runAudit audits, or repairs, on the stores of env.
func runAudit(ctx context.Context, env Env, q audit.Query, repair bool) (audit.Report, error) {
	cfg, err := config.Load(env.Getenv, "DATABASE_URL", "VALKEY_URL")
	if err != nil {
		return audit.Report{}, err
	}
	p, err := newProcess(env, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return audit.Report{}, err
	}
	defer p.close()
	if err := schema.Check(ctx, p.db); err != nil {
		return audit.Report{}, err
	}
	if q.Tenant != "" {
		// Rows of a tenant that is missing can be compared, too.
		key, _, err := store.TenantKey(ctx, p.db, q.Tenant)
		if err != nil && !errors.Is(err, store.ErrNoTenant) {
			return audit.Report{}, err
		}
		q.Tenant = cmp.Or(key, q.Tenant)
	}
	if err := p.valkey.ClaimShards(ctx); err != nil {
		return audit.Report{}, err
	}
	auditor := audit.New(p.db, p.valkey, time.Now)
	if repair {
		return auditor.Repair(ctx, q)
	}
	return auditor.Audit(ctx, q)
}

// parseTime reads an instant, or a date for its midnight in UTC.
func parseTime(s string) (time.Time, error) {
	if t, ok := meter.ParseInstant([]byte(s)); ok {
		return t, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{},
		fmt.Errorf("must be a time like 2026-03-09T14:00:00Z or a date like 2026-03-09")
}
