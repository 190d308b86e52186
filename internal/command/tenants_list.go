package command

import (
	"encoding/json"
	"fmt"
	"io"
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
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := env.openMigrated(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			tenants, bad, err := store.Tenants(cmd.Context(), db)
			if err != nil {
				return err
			}
			for _, name := range bad {
				fmt.Fprintf(cmd.ErrOrStderr(), "flagmeter: warning: the time zone of %s is not one of the IANA database, UTC is used: correct it with 'flagmeter tenants set'\n", name)
			}
			if asJSON {
				return writeTenantsJSON(cmd.OutOrStdout(), tenants)
			}
			return writeTenants(cmd.OutOrStdout(), tenants)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

// writeTenants prints a table.
func writeTenants(w io.Writer, tenants []meter.Tenant) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TENANT\tQUOTA\tBILLING DAY\tTIMEZONE\tTHRESHOLDS\tSTATE")
	for _, t := range tenants {
		quota, state := "none", "active"
		if t.Quota > 0 {
			quota = humanize.Comma(t.Quota)
		}
		if t.Archived {
			state = "archived"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", t.Name, quota, t.BillingDay, t.Zone, percents(t.Thresholds), state)
	}
	return table.Flush()
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
	Tenant     string `json:"tenant"`
	Quota      *int64 `json:"quota"` // null: none
	BillingDay int    `json:"billingDay"`
	Timezone   string `json:"timezone"`
	Thresholds []int  `json:"thresholds"`
	Archived   bool   `json:"archived"`
}

func writeTenantsJSON(w io.Writer, tenants []meter.Tenant) error {
	list := make([]tenantJSON, len(tenants))
	for i, t := range tenants {
		list[i] = tenantJSON{t.Name, nil, t.BillingDay, t.Zone.String(), t.Thresholds, t.Archived}
		if t.Quota > 0 {
			list[i].Quota = &t.Quota
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(list)
}
