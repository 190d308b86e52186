package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Tokens makes tokens for tenants.
func Tokens(env Env) *cobra.Command {
	return menu("tokens", "Make tokens for tenants", tokensMint(env))
}

func tokensMint(env Env) *cobra.Command {
	var tenant, scope string
	ttl := config.Positive{Duration: config.Duration(time.Hour)}
	var unchecked bool
	cmd := &cobra.Command{
		Use:   "mint --tenant NAME",
		Short: "Print a token for a tenant, and a link to its dashboard",
		Long: `Print a token (JWT) that is signed with JWT_SECRET and good for one tenant, and with
PUBLIC_URL a link that opens the dashboard of that tenant alone. It cannot be taken back before
it ends, except with the secret as a whole: keep --ttl short.

The tenant must be there, in the database of DATABASE_URL; --unchecked takes your word for it.`,
		Example: "  flagmeter tokens mint --tenant acme-corp --ttl 1h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if wrong := meter.CheckName(tenant); wrong != "" {
				return misuse("--tenant %s", wrong)
			}
			if wrong := meter.CheckReserved(tenant); unchecked && wrong != "" {
				return misuse("--tenant %s", wrong)
			}
			if s, err := auth.ParseScope(scope); err != nil || s&auth.Admin != 0 {
				return misuse("--scope must be read or ingest")
			}
			cfg, err := config.Load(env.Getenv, "JWT_SECRET")
			if err != nil {
				return err
			}
			lives, most := time.Duration(ttl.Duration), time.Duration(cfg.JWTMaxLifetime)
			if most > 0 && lives > most {
				return misuse("--ttl: a token lives for %v at the most, as JWT_MAX_LIFETIME says", most)
			}
			if !unchecked {
				// The token has the key: another name may be freed for another tenant.
				if tenant, err = env.tenantKey(cmd.Context(), tenant); err != nil {
					return fmt.Errorf("%w (--unchecked signs without looking)", err)
				}
			}
			token, err := auth.Mint(tokenOptions(cfg), tenant, scope, lives)
			if err != nil {
				return err
			}
			out := token + "\n"
			if cfg.PublicURL != "" && scope == "read" {
				// Behind a #, because browsers send that to nobody and servers log it nowhere.
				out += strings.TrimSuffix(cfg.PublicURL, "/") + "/usage#token=" + token + "\n"
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), out)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&tenant, "tenant", "", "`name` of the tenant (required)")
	f.StringVar(&scope, "scope", "read", "what it may do: read, ingest")
	f.Var(&ttl, "ttl", "after what `duration` it ends, like 12h, up to JWT_MAX_LIFETIME")
	f.BoolVar(&unchecked, "unchecked", false, "do not look whether there is such a tenant")
	_ = cmd.MarkFlagRequired("tenant") // it exists
	return cmd
}

// tenantKey is the key of the tenant that a name leads to.
func (e Env) tenantKey(ctx context.Context, name string) (key string, err error) {
	db, err := e.openMigrated(ctx)
	if err != nil {
		return "", err
	}
	defer db.Close()
	key, _, err = store.TenantKey(ctx, db, name)
	return key, err
}
