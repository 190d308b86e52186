package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Keys creates, lists and revokes API keys.
func Keys(env Env) *cobra.Command {
	return menu("keys", "Create, list and revoke API keys", keysCreate(env), keysList(env),
		keysRevoke(env))
}

func keysCreate(env Env) *cobra.Command {
	var k auth.NewKey
	var expires config.Positive
	var rate rateFlags
	cmd := &cobra.Command{
		Use:   "create --scope SCOPE",
		Short: "Create an API key and print it, once",
		Long: `Create an API key and print it: only its SHA-256 is kept, so nobody can see it again. It is
in force within 2 seconds.

A key of scope ingest sends events, one of scope read sees usage, alerts and events, one of
scope ingest,read does both, and one of scope admin also manages keys. With --tenant it does
so for that tenant, to which no other exists. A tenant may have several keys: to change one,
create the next, use it, and revoke the one before.`,
		Example: `  flagmeter keys create --scope admin
  flagmeter keys create --scope ingest,read --tenant acme-corp --expires 30d --name backend`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := failpoint.Now()
			if change, err := rate.change(cmd); err != nil {
				return err
			} else if change != nil {
				k.Rate = change.Rate
			}
			k.Scope = strings.ReplaceAll(k.Scope, ",", " ")
			if _, err := auth.ParseScopes(k.Scope); err != nil {
				return misuse("--scope %w", err)
			}
			if d := time.Duration(expires.Duration); d > 0 {
				k.Expires = now.Add(d)
			}
			cfg, err := config.Load(env.Getenv, "DATABASE_URL")
			if err != nil {
				return err
			}
			k.Limits = keyLimits(cfg)
			k.Limits.Hour, k.Limits.TotalHour = 0, 0 // those are for callers of the API
			db, err := env.openMigrated(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			shown := ""
			if k.Tenant != "" {
				if k.Tenant, shown, err = store.TenantKey(cmd.Context(), db, k.Tenant); err != nil {
					return err
				}
			}
			key, stored, err := auth.Create(cmd.Context(), db, k, now)
			if tooMany := (*store.KeyLimitError)(nil); errors.As(err, &tooMany) && tooMany.Tenant != "" {
				tooMany.Tenant = shown
			}
			if err != nil {
				return err
			}
			stored.Tenant.String = shown
			fmt.Fprintf(cmd.ErrOrStderr(), "flagmeter: created API key %s: %s\n", stored.ID,
				describe(stored))
			_, err = fmt.Fprintln(cmd.OutOrStdout(), key)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&k.Scope, "scope", "",
		"what it may do: "+strings.Join(auth.Scopes, ", ")+", or several with commas between (required)")
	f.StringVar(&k.Tenant, "tenant", "", "the only `name` of a tenant that it is for (default: all)")
	f.StringVar(&k.Name, "name", "", "what people call it")
	rate.register(cmd, "`events` a second that may be sent with it, beside what its tenant may, 1"+
		" to 1000000 (default any number)", 1)
	f.Var(&expires, "expires", "after what `duration` it ends, like 30d or 12h (default: never)")
	_ = cmd.MarkFlagRequired("scope") // it exists
	return cmd
}

// keyLimits are the limits of API keys in the settings.
func keyLimits(cfg config.Config) store.KeyLimits {
	return store.KeyLimits{Tenant: cfg.MaxTenantKeys, Total: cfg.MaxKeys, Hour: cfg.TenantKeysPerHour,
		TotalHour: cfg.MaxKeys}
}

// describe says what a key may do, for a person.
func describe(k store.APIKey) string {
	text := fmt.Sprintf("scope %s, all tenants", auth.ScopeOf(k))
	if k.Tenant.Valid {
		text = fmt.Sprintf("scope %s, tenant %s", auth.ScopeOf(k), meter.Quote(k.Tenant.String))
	}
	if k.ExpiresAt.Valid {
		return text + ", until " + k.ExpiresAt.Time.UTC().Format(time.RFC3339)
	}
	return text + ", without an end"
}

// answerLimit is how long a command that works while Postgres is away waits for it.
const answerLimit = 5 * time.Second

// withStores calls work with both stores, neither of which need answer.
func (e Env) withStores(work func(*sqlx.DB, *scripts.Valkey) error) error {
	cfg, err := config.Load(e.Getenv, "DATABASE_URL", "VALKEY_URL")
	if err != nil {
		return err
	}
	db, err := store.Open(string(cfg.DatabaseURL), poolSize, answerLimit)
	if err != nil {
		return err
	}
	defer db.Close()
	rdb, err := connectValkey(cfg)
	if err != nil {
		return err
	}
	defer rdb.Close()
	return work(db, scripts.New(rdb, cfg.Shards))
}

// createKey makes a key that `flagmeter dev` works with, and puts it in force.
func (p *process) createKey(ctx context.Context) (string, error) {
	now := failpoint.Now()
	key, _, err := auth.Create(ctx, p.db,
		auth.NewKey{Scope: "admin", Name: "flagmeter dev", Expires: now.Add(24 * time.Hour)}, now)
	if err != nil {
		return "", err
	}
	return key, p.startKeys(ctx)
}
