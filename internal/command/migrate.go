package command

import (
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// Migrate brings the database's schema up to date.
func Migrate(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database schema up to date",
		Example: `  flagmeter migrate
  MIGRATE_DATABASE_URL=postgres://flagmeter_owner:password@127.0.0.1/flagmeter flagmeter migrate`,
		Long: `Bring the schema of the database at MIGRATE_DATABASE_URL up to date, or, unless that
is set, at DATABASE_URL.

Do this before starting a new version: its roles refuse to run on an older schema.
It can be done while the old version runs, and again at any time; of several at the
same time, one works and the others wait for it.

Where sql/roles.sql has made the roles flagmeter_app and flagmeter_ingest, they are then
granted what they need, and nothing else.

EVENTS_RETENTION and ROLLUPS_RETENTION, if they are set here, are entered as what the
database keeps: no flusher can drop anything younger, whatever its own settings say. If
they are not set, what was entered before stays, at first their defaults.

If CURRENCY is USD, models that have no price get those that came with this version.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := env.openOwned()
			if err != nil {
				return err
			}
			defer db.Close()
			applied, err := schema.Migrate(cmd.Context(), db)
			if err != nil {
				return err
			}
			if err := env.setRetention(cmd.Context(), db); err != nil {
				return err
			}
			text := fmt.Sprintf("applied %d migrations", applied)
			switch applied {
			case 0:
				text = "the schema is up to date"
			case 1:
				text = "applied 1 migration"
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), text); err != nil {
				return err
			}
			return env.addShipped(cmd, db)
		},
	}
}

// addShipped gives models without a price those that came with the program.
func (e Env) addShipped(cmd *cobra.Command, db *sqlx.DB) error {
	cfg, err := e.ownedSettings()
	if err != nil {
		return err
	}
	added, err := loadShipped(cmd.Context(), db, cfg.Currency, failpoint.Now())
	if err != nil || added == 0 {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "added %s that came with this version\n", count(added, "price"))
	return err
}
