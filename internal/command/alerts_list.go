package command

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

func alertsList(env Env) *cobra.Command {
	ask := store.AlertQuery{Limit: 20}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List alerts with their deliveries and every attempt",
		Long: `List alerts, newest first, with their deliveries and every attempt to send them. GET
/alerts of the API has the same as JSON.`,
		Example: `  flagmeter alerts list --tenant acme-corp
  flagmeter alerts list --state dead`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if ask.State != "" && !slices.Contains(store.AlertStates, ask.State) {
				return misuse("--state must be one of %s", strings.Join(store.AlertStates, ", "))
			}
			if ask.Limit < 1 {
				return misuse("--limit must be 1 or more, not %d", ask.Limit)
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
			alerts, err := store.Alerts(cmd.Context(), db, ask)
			if err != nil {
				return err
			}
			return writeAlerts(cmd.OutOrStdout(), alerts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&ask.Tenant, "tenant", "", "only those of the `tenant`")
	f.StringVar(&ask.State, "state", "",
		"only those in the `state` "+strings.Join(store.AlertStates, ", "))
	f.IntVar(&ask.Limit, "limit", ask.Limit, "at most this `number`")
	return cmd
}

// writeAlerts prints a line for each alert, and under it one for each delivery and attempt.
func writeAlerts(w io.Writer, alerts []store.Alert) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(alerts) == 0 {
		fmt.Fprintln(table, "no alerts")
	}
	for _, a := range alerts {
		state := "open"
		if a.ClearedAt != nil {
			state = "cleared " + instant(*a.ClearedAt)
		}
		fmt.Fprintf(table, "%s\t%s\t%d%%\t%s / %s tokens (%s%%)\tperiod from %s\t%s\talert %s\n",
			instant(a.FiredAt), meter.Quote(a.Tenant), a.Threshold,
			humanize.Comma(a.Used), humanize.Comma(a.Quota),
			strconv.FormatFloat(meter.Percent(a.Used, a.Quota), 'f', -1, 64), a.PeriodStart, state, a.ID)
		for _, d := range a.Deliveries {
			status := d.Status
			if d.NextAttemptAt != nil {
				status += ", next attempt " + instant(*d.NextAttemptAt)
			}
			fmt.Fprintf(table, "  %s\t%s\t%s\tdelivery %s\n", d.Event, d.Target(), status, d.ID)
			for _, try := range d.Attempts {
				fmt.Fprintf(table, "    %s\t%s\t%d ms\n", instant(try.At), attemptText(try), try.DurationMS)
			}
		}
	}
	return table.Flush()
}

func attemptText(a store.Attempt) string {
	switch {
	case a.Error != nil && a.Answer != nil:
		return fmt.Sprintf("%s, answer %q", *a.Error, *a.Answer)
	case a.Error != nil:
		return *a.Error
	case a.Status != nil:
		return "HTTP " + strconv.Itoa(*a.Status)
	}
	return "taken"
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
