package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/robfig/cron/v3"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/eduardosanzb/flagmeter/internal/backup"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/httpd"
	"github.com/eduardosanzb/flagmeter/internal/listen"
	"github.com/eduardosanzb/flagmeter/internal/logging"
	"github.com/eduardosanzb/flagmeter/internal/schedule"
)

// Backup makes backups of the database, once or by the clock, and lists them.
func Backup(env Env) *cobra.Command {
	var to, keep, expression string
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Back up the database, once or by the clock",
		Long: `Back up the database with pg_dump: a dump in custom format and a manifest with its
SHA-256 and the sums of all tables, both of one snapshot. Old backups are deleted afterwards,
but never the newest good one. Nothing is held up meanwhile.

It connects as MIGRATE_DATABASE_URL if that is set, which must be able to read all tables.

With --schedule it stays, and serves /metrics and /healthz on METRICS_ADDR (default :9103).
With BACKUP_SIGN_KEY each is signed, see 'flagmeter backup key'.

What a backup can lose, and how to lose less, is in docs/BACKUP.md.`,
		Example: `  flagmeter backup --to /backups --keep 14d
  flagmeter backup --to /backups --keep 14d --schedule "0 3 * * *"
  flagmeter backup --to s3://backups/flagmeter --keep 30
  flagmeter backup list --from /backups`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := backup.ParseKeep(keep); keep != "" && err != nil {
				return misuse("--keep %w", err)
			}
			cfg, err := env.ownedSettings()
			if err != nil {
				return err
			}
			kept, err := backup.ParseKeep(cmp.Or(keep, cfg.BackupKeep))
			if err != nil {
				return fmt.Errorf("--keep %w", err)
			}
			target, err := openBackups(cmd.Context(), cfg.Config, to)
			if err != nil {
				return err
			}
			signer, err := backup.NewSigner(string(cfg.BackupSignKey))
			if err != nil {
				return err
			}
			o := backup.Options{Target: target, Keep: kept, Now: time.Now,
				Log:    slog.New(slog.DiscardHandler),
				Source: backup.Source{URL: cfg.owned(), Program: env.Build.Version, Signer: signer}}
			if !cmd.Flags().Changed("schedule") {
				expression = cfg.BackupSchedule
			}
			if expression != "" {
				return keepBackups(cmd, env, cfg.Config, o, expression)
			}
			m, err := backup.NewJob(o).Run(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "backup %s: %s, %s events, %s tokens, sha256 %s\n",
				m.Name, humanize.IBytes(uint64(m.Size)), humanize.Comma(m.Sums.Events), m.Sums.Tokens, m.SHA256)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&to, "to", "",
		"`directory`, or s3://bucket/prefix, that keeps the backups (default BACKUP_TARGET)")
	f.StringVar(&keep, "keep", "",
		"`time` or number of backups to keep, like 14d, 36h or 7 (default BACKUP_KEEP, or 14d)")
	f.Func("schedule", "make one whenever this cron `expression` says so, in UTC; \"\" for one and"+
		" now (default BACKUP_SCHEDULE)", func(s string) (err error) {
		if expression = s; s != "" {
			_, err = cron.ParseStandard(s)
		}
		return err
	})
	cmd.AddCommand(backupList(env), backupKey())
	return cmd
}

func backupKey() *cobra.Command {
	return &cobra.Command{
		Use:   "key FILE",
		Short: "Make the keys that backups are signed and believed by",
		Long: `Make a private key in FILE, which signs backups (BACKUP_SIGN_KEY_FILE), and its public key
in FILE.pub, by which a restore believes them (BACKUP_VERIFY_KEY). Both are of minisign's form,
without a password: keep FILE where only the account that makes backups can read it, not where
backups are kept, and a copy of the public key where you would restore.`,
		Example: "  flagmeter backup key /etc/flagmeter/backup_key",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			public, err := backup.MakeKeys(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "BACKUP_SIGN_KEY_FILE=%s\nBACKUP_VERIFY_KEY=%s\n",
				args[0], public)
			return err
		},
	}
}

// keepBackups makes backups by the clock until the command's context is done.
func keepBackups(
	cmd *cobra.Command, env Env, cfg config.Config, o backup.Options, expression string,
) error {
	ctx := cmd.Context()
	log := logging.JSON(cmd.OutOrStdout(), cfg.LogLevel).With("role", "backup")
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	env.Build.register(registry)
	o.Log, o.Registerer = log, registry
	job := backup.NewJob(o)
	listener, err := listen.Open(ctx, cmp.Or(cfg.MetricsAddr, ":9103"))
	if err != nil {
		return err
	}
	if err := job.Look(ctx); err != nil && ctx.Err() == nil {
		log.Warn("could not look at the backups that there are", "error", err)
	}
	jobs := schedule.New(log, registry)
	// A backup that is broken off leaves nothing with a name.
	jobs.Add("backup", "TZ=UTC "+expression, func(ctx context.Context) error {
		_, err := job.Run(ctx)
		return err
	})
	log.Info("started", "address", listener.Addr().String(), "version", env.Build.Version, "schedule",
		expression, "target", o.Target.String())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return cutOff(ctx, log, httpd.Server{Handler: httpd.Metrics(log, registry), Log: log,
			Limits: httpd.Scrapes()}.Serve(ctx, listener))
	})
	group.Go(func() error { jobs.Run(ctx); return nil })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	log.Info("stopped")
	return nil
}

func backupList(env Env) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the backups that are kept",
		Example: `  flagmeter backup list`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(env.Getenv)
			if err != nil {
				return err
			}
			target, err := openBackups(cmd.Context(), cfg, from)
			if err != nil {
				return err
			}
			all, err := backup.List(cmd.Context(), target)
			if err != nil {
				return err
			}
			out := &printer{w: cmd.OutOrStdout()}
			table := newTable(out, "NAME\tSIZE\tSECONDS\tEVENTS\tTOKENS\tPOSTGRES\tSTATE")
			for _, b := range all {
				state := "good"
				if b.Fault != nil {
					state = b.Fault.Error()
				}
				fmt.Fprintf(table, "%s\t%s\t%.1f\t%s\t%s\t%s\t%s\t\n", b.Name,
					humanize.IBytes(uint64(b.Size)), b.Seconds,
					humanize.Comma(b.Sums.Events), b.Sums.Tokens, b.Postgres, state)
			}
			table.Flush()
			return out.err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", fromUsage)
	return cmd
}

const fromUsage = "`directory`, or s3://bucket/prefix, that keeps the backups (default" +
	" BACKUP_TARGET)"

// openBackups opens the target of a flag, or of the settings.
func openBackups(ctx context.Context, cfg config.Config, flag string) (backup.Target, error) {
	return backup.Open(ctx, cmp.Or(flag, cfg.BackupTarget), backup.S3Of(cfg))
}
