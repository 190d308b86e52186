package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

func keysList(env Env) *cobra.Command {
	var tenant string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List API keys, without the keys themselves",
		Example: `  flagmeter keys list --tenant acme-corp
  flagmeter keys list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := env.openMigrated(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			if tenant != "" {
				if tenant, _, err = store.TenantKey(cmd.Context(), db, tenant); err != nil {
					return err
				}
			}
			keys, odd, err := allKeys(cmd.Context(), db, tenant)
			if err != nil {
				return err
			}
			warnOdd(cmd.ErrOrStderr(), odd)
			if err := showTenants(cmd.Context(), db, keys); err != nil {
				return err
			}
			if asJSON {
				return writeKeysJSON(cmd.OutOrStdout(), keys, failpoint.Now())
			}
			return writeKeys(cmd.OutOrStdout(), keys, failpoint.Now())
		},
	}
	f := cmd.Flags()
	f.StringVar(&tenant, "tenant", "", "only those of the `tenant`")
	f.BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

// keysAtOnce is how many keys are read at once.
const keysAtOnce = 1000

// allKeys reads the keys of a tenant, or all, in order of creation.
func allKeys(
	ctx context.Context, db *sqlx.DB, tenant string,
) (all []store.APIKey, odd []store.OddRow, err error) {
	ask := store.APIKeyQuery{Tenant: tenant, Limit: keysAtOnce}
	for {
		page, skipped, err := store.APIKeys(ctx, db, ask)
		if err != nil {
			return nil, nil, err
		}
		all, odd = append(all, page...), append(odd, skipped...)
		if len(page)+len(skipped) < keysAtOnce || len(page) == 0 {
			return all, odd, nil
		}
		last := page[len(page)-1]
		ask.AfterCreated, ask.AfterID = last.CreatedAt, last.ID
	}
}

// showTenants names the tenants of keys as people see them.
func showTenants(ctx context.Context, db *sqlx.DB, keys []store.APIKey) error {
	tenants, _, err := store.Tenants(ctx, db)
	if err != nil {
		return err
	}
	shown := make(map[string]string, len(tenants))
	for _, t := range tenants {
		shown[t.Name] = t.Shown()
	}
	for i := range keys {
		keys[i].Tenant.String = shown[keys[i].Tenant.String]
	}
	return nil
}

// writeKeys prints a table.
func writeKeys(w io.Writer, keys []store.APIKey, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSCOPE\tTENANT\tNAME\tRATE LIMIT\tSTATE\tCREATED\tEXPIRES\tLAST USED")
	for _, k := range keys {
		tenant, name := "all", "-"
		if k.Tenant.Valid {
			tenant = meter.Quote(k.Tenant.String)
		}
		if k.Name != "" {
			name = k.Name
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, scopesText(k), tenant, name,
			rateText(k.Rate()), keyState(k, now),
			k.CreatedAt.UTC().Format(time.DateOnly), minute(k.ExpiresAt.Time), minute(k.LastUsedAt.Time))
	}
	return table.Flush()
}

// scopesText is what a key may do, in one word of the table.
func scopesText(k store.APIKey) string { return strings.Join(auth.ScopeOf(k).Names(), ",") }

func minute(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

func keyState(k store.APIKey, now time.Time) string {
	switch {
	case k.RevokedAt.Valid:
		return "revoked"
	case k.OpenMode:
		return "open mode"
	case k.ExpiresAt.Valid && !now.Before(k.ExpiresAt.Time):
		return "expired"
	}
	return "active"
}

// keyJSON has the names of GET /keys.
type keyJSON struct {
	ID         uuid.UUID  `json:"id"`
	Name       string     `json:"name"`
	Scope      string     `json:"scope"`
	Tenant     *string    `json:"tenant"` // null: all
	State      string     `json:"state"`
	CreatedAt  time.Time  `json:"createdAt"`
	CreatedBy  *uuid.UUID `json:"createdBy"` // null: no key
	RateLimit  *int64     `json:"rateLimit"` // null: none of its own
	RateBurst  *int64     `json:"rateBurst"`
	ExpiresAt  *time.Time `json:"expiresAt"`
	LastUsedAt *time.Time `json:"lastUsedAt"`
}

func writeKeysJSON(w io.Writer, keys []store.APIKey, now time.Time) error {
	list := make([]keyJSON, len(keys))
	for i, k := range keys {
		list[i] = keyJSON{ID: k.ID, Name: k.Name, Scope: auth.ScopeOf(k).String(),
			State: keyState(k, now), CreatedAt: k.CreatedAt.UTC()}
		if k.Tenant.Valid {
			list[i].Tenant = &k.Tenant.String
		}
		if k.CreatedBy.Valid {
			list[i].CreatedBy = &k.CreatedBy.UUID
		}
		if rate := k.Rate(); rate.Limited() {
			list[i].RateLimit, list[i].RateBurst = &rate.PerSecond, &rate.Burst
		}
		if k.ExpiresAt.Valid {
			list[i].ExpiresAt = &k.ExpiresAt.Time
		}
		if k.LastUsedAt.Valid {
			list[i].LastUsedAt = &k.LastUsedAt.Time
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(list)
}
