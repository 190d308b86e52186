package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

func tenantsRename(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Give a tenant another name",
		Long: `Give a tenant another name, under which people see it within 2 seconds: in answers,
exports, the dashboard and messages. All that it was called before stays good for events and
questions, so senders can change when they like. Its first name is its key: SQL has it, and
usage, limits and ids stay with it. To go back, rename it to an old name.

Rename only once every process is of this version: the one before does not know other names
and answers events that use them with 404.`,
		Example: `  flagmeter tenants rename acme-corp acme-holding
  flagmeter tenants rename acme-holding acme-corp`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			db, err := env.openMigrated(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			key, _, err := store.TenantKey(cmd.Context(), db, args[0])
			if err != nil {
				return err
			}
			name := args[1]
			if wrong := newTenantName(name); wrong == nil {
				name = meter.Normal(name)
			} else if owner, _, err := store.TenantKey(cmd.Context(), db, name); err != nil || owner != key {
				return wrong // unless it is an old name of its own, which may look as it does
			}
			if err := store.RenameTenant(cmd.Context(), db, key, name); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "tenant %s is now %s; its key is %s\n",
				meter.Quote(args[0]), meter.Quote(name), meter.Quote(key))
			return err
		},
	}
}
