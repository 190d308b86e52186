package command

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

func tenantsList(env Env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List all tenants",
		Example: `  flagmeter tenants list
  flagmeter tenants list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := env.openMigrated(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			tenants, odd, err := store.Tenants(cmd.Context(), db)
			if err != nil {
				return err
			}
			warnOdd(cmd.ErrOrStderr(), odd)
			if asJSON {
				return writeTenantsJSON(cmd.OutOrStdout(), tenants)
			}
			return writeTenants(cmd.OutOrStdout(), tenants)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

// warnOdd names the rows that a list could not show as they are.
func warnOdd(stderr io.Writer, odd []store.OddRow) {
	for _, r := range odd {
		fmt.Fprintf(stderr, "flagmeter: warning: a row of %s cannot be read, correct it: %s: %s"+
			" (instead: %s)\n", r.Table, r.Row, r.Reason, r.Instead)
	}
}

// writeTenants prints a table, with the keys of tenants if one has another name.
func writeTenants(w io.Writer, tenants []meter.Tenant) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	heading := "TENANT\tQUOTA\tENFORCE\tRATE LIMIT\tBILLING DAY\tTIMEZONE\tTHRESHOLDS\tSTATE"
	renamed := slices.ContainsFunc(tenants, func(t meter.Tenant) bool { return t.Shown() != t.Name })
	if renamed {
		heading += "\tKEY"
	}
	fmt.Fprintln(table, heading)
	for _, t := range tenants {
		quota, state := "none", "active"
		if t.Quota > 0 {
			quota = humanize.Comma(t.Quota)
		}
		if t.Archived {
			state = "archived"
		}
		if renamed {
			state += "\t" + meter.Quote(t.Name)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", meter.Quote(t.Shown()), quota, t.Enforce,
			tenantRate(t), t.BillingDay, t.Zone, percents(t.Thresholds), state)
	}
	return table.Flush()
}

func tenantRate(t meter.Tenant) string {
	if !t.OwnRate {
		return "default"
	}
	return rateText(t.Rate)
}

// rateText is a rate limit as a person writes it.
func rateText(r meter.Rate) string {
	switch {
	case !r.Limited():
		return "none"
	case r.Burst == r.PerSecond:
		return humanize.Comma(r.PerSecond) + "/s"
	}
	return fmt.Sprintf("%s/s, %s at once", humanize.Comma(r.PerSecond), humanize.Comma(r.Burst))
}

// percents is thresholds as a person writes them.
func percents(thresholds []int) string {
	if len(thresholds) == 0 {
		return "none"
	}
	texts := make([]string, len(thresholds))
	for i, t := range thresholds {
		texts[i] = strconv.Itoa(t) + "%"
	}
	return strings.Join(texts, ",")
}

// tenantJSON has the names of GET /tenants.
type tenantJSON struct {
	Tenant     string   `json:"tenant"`
	Quota      *int64   `json:"quota"` // null: none
	BillingDay int      `json:"billingDay"`
	Timezone   string   `json:"timezone"`
	Thresholds []int    `json:"thresholds"`
	Archived   bool     `json:"archived"`
	Enforce    string   `json:"enforce"`
	RateLimit  *int64   `json:"rateLimit"` // null: the deployment's; 0: none
	RateBurst  *int64   `json:"rateBurst"` // null unless rateLimit is above 0
	Key        string   `json:"key"`       // tenants.name; as tenant unless that was renamed
	Aliases    []string `json:"aliases"`   // its names beside the key
}

func writeTenantsJSON(w io.Writer, tenants []meter.Tenant) error {
	list := make([]tenantJSON, len(tenants))
	for i, t := range tenants {
		list[i] = tenantJSON{Tenant: t.Shown(), Key: t.Name, Aliases: append([]string{}, t.Aliases...),
			BillingDay: t.BillingDay, Timezone: t.Zone.String(),
			Thresholds: t.Thresholds, Archived: t.Archived, Enforce: t.Enforce.String()}
		if t.Quota > 0 {
			list[i].Quota = &t.Quota
		}
		if t.OwnRate {
			list[i].RateLimit = &t.Rate.PerSecond
		}
		if t.Rate.Limited() {
			list[i].RateBurst = &t.Rate.Burst
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(list)
}
