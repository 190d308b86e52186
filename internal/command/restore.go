package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/backup"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/store"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// Restore brings a backup back, proves that it can be, and makes Postgres and Valkey one again.
func Restore(env Env) *cobra.Command {
	var from, to, scratch string
	var verify, adopt, unsigned bool
	cmd := &cobra.Command{
		Use:   "restore [NAME|latest]",
		Short: "Restore a backup, or prove that it can be restored",
		Long: `Restore a backup, by default the newest good one, into an empty database: that of
MIGRATE_DATABASE_URL, or DATABASE_URL, or --to. The dump's SHA-256 is compared before, the sums
of all tables after that. Then the schema is brought up to date and the roles get their rights.

With BACKUP_VERIFY_KEY a backup that was not signed by that key is refused, whatever else is right
with it; --unsigned takes one from before there were signatures. Without the key, whoever can
write where backups are kept can put another in place of them.

--verify does the same in a scratch database, which is dropped again, and audits its events
against its sums: on a private Postgres that it starts, or on the server of --scratch.

After a restore Postgres is older than Valkey. Stop every role before it, and do this before
the first one starts again, once:
  flagmeter restore --adopt
The first flusher then brings what Valkey still holds into Postgres, each event once, makes the
sums again from events, and has Valkey forget the ids of events that are lost, so that they can
be sent again. docs/BACKUP.md has all steps.

Exit status: 0 if all is as it was backed up; 1 if not, if --verify had nothing to compare, or
for any failure.`,
		Example: `  flagmeter restore --verify --from /backups
  flagmeter restore latest --from /backups
  flagmeter restore --adopt`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if scratch != "" && !verify {
				return misuse(
					"--scratch needs --verify: a restore goes to --to, or to the database of the settings")
			}
			if adopt && len(args) > 0 {
				return misuse("--adopt takes no name of a backup: it works on the databases of the settings")
			}
			if adopt {
				return adoptRestored(cmd.Context(), env, cmd.OutOrStdout())
			}
			name := "latest"
			if len(args) == 1 {
				name = args[0]
			}
			cfg, err := config.Load(env.Getenv)
			if err != nil {
				return err
			}
			target, err := openBackups(cmd.Context(), cfg, from)
			if err != nil {
				return err
			}
			trust, err := backup.NewTrust(cfg.BackupVerifyKey)
			if err != nil {
				return err
			}
			if unsigned {
				trust = backup.Trust{}
			}
			m, err := backup.Find(cmd.Context(), target, name)
			if err != nil {
				return err
			}
			if verify {
				return verifyBackup(cmd.Context(), target, m, trust, scratch, cmd.OutOrStdout())
			}
			if to == "" {
				if cfg, err := env.ownedSettings(); err != nil {
					return err
				} else {
					to = cfg.owned()
				}
			}
			return restoreBackup(cmd.Context(), target, m, trust, to, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", fromUsage)
	f.StringVar(&to, "to", "", "`address` of the empty database; a password had better come from"+
		" PGPASSWORD (default MIGRATE_DATABASE_URL, or DATABASE_URL)")
	f.BoolVar(&verify, "verify", false, "restore into a scratch database and audit it")
	f.StringVar(&scratch, "scratch", "", "with --verify: `address` of the server of the scratch"+
		" database, whose account may create databases (default a private one)")
	f.BoolVar(&unsigned, "unsigned", false,
		"take a backup without a signature, although BACKUP_VERIFY_KEY asks for one")
	f.BoolVar(&adopt, "adopt", false,
		"let the next flusher make Postgres, older now, and Valkey one again")
	cmd.MarkFlagsMutuallyExclusive("to", "verify", "adopt")
	cmd.MarkFlagsMutuallyExclusive("to", "scratch")
	for _, name := range []string{"from", "scratch", "unsigned"} {
		cmd.MarkFlagsMutuallyExclusive("adopt", name) // which reads no backup
	}
	return cmd
}

// believed says whose backup it is.
func believed(t backup.Trust) string {
	if t.Signed() {
		return "its signature is right"
	}
	return "no signature was asked for (BACKUP_VERIFY_KEY)"
}

func restoreBackup(ctx context.Context, t backup.Target, m backup.Manifest, trust backup.Trust,
	databaseURL string, w io.Writer) error {
	if err := backup.Restore(ctx, t, m, trust, databaseURL); err != nil {
		return err
	}
	db, err := store.Open(databaseURL, poolSize, 0)
	if err != nil {
		return err
	}
	defer db.Close()
	applied, err := schema.Migrate(ctx, db)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `restored %s: %s; all sums are those of the manifest, %d migrations applied
events that went to Postgres after %s are not in it
before any role starts: flagmeter restore --adopt
`, m.Name, believed(trust), applied, cmp.Or(m.Sums.LastFlushed, "the beginning"))
	return err
}

func verifyBackup(ctx context.Context, t backup.Target, m backup.Manifest, trust backup.Trust,
	scratch string, w io.Writer) error {
	report, err := backup.Verify(ctx, t, m, trust, scratch)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "backup %s: its SHA-256 is right, %s, it can be restored, and all"+
		" sums are those of the manifest\n", m.Name, believed(trust)); err != nil {
		return err
	}
	if err := writeAudit(w, report); err != nil {
		return err
	}
	switch {
	case !report.Clean():
		return errors.New("there is drift: it was in the database when it was backed up")
	case report.Compared() == 0 && m.Sums.Events == 0:
		return errors.New("nothing was compared: the backup has no event. Is it of the right database?")
	case report.Compared() == 0:
		return errors.New("nothing was compared: the sums of all its events were still on their way" +
			" when it was made. Verify a later backup")
	}
	return nil
}
