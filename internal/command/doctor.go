package command

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/doctor"
)

// Doctor examines a deployment and says how to correct each problem.
func Doctor(env Env) *cobra.Command {
	var send, asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at the whole deployment and say what to do",
		Long: `Look at settings, versions, both stores, schema, disks, clocks, what waits and who is to be
alerted, and say for each problem what to do. Run it with the environment of the roles, where
they run: what is in another container or on another machine is looked at through its port.

It changes nothing. --send sends a message that is marked as a test to every enabled webhook;
without it they are connected to, no more.

Exit status: 0 if nothing has failed, though there may be warnings; 1 if something has.`,
		Example: `  flagmeter doctor
  flagmeter doctor --send
  docker compose exec ingest flagmeter doctor --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := doctor.NewReport(cmd.OutOrStdout(), asJSON, doctor.Plain(env.Getenv))
			examine(cmd, env, send, report.Tell)
			if err := report.End(); err != nil {
				return err
			}
			switch report.Failures {
			case 0:
				return nil
			case 1:
				return fmt.Errorf("1 check has failed")
			}
			return fmt.Errorf("%d checks have failed", report.Failures)
		},
	}
	cmd.Flags().BoolVar(&send, "send", false, "send a test message to every enabled webhook")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// examine hands every finding to tell. Settings that cannot be used are findings too.
func examine(cmd *cobra.Command, env Env, send bool, tell func(doctor.Finding)) {
	cfg, err := config.Load(env.Getenv, "DATABASE_URL", "VALKEY_URL")
	var p *process
	if err == nil {
		p, err = newProcess(env, cfg, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		for _, f := range doctor.Mistakes(err) {
			tell(f)
		}
		return
	}
	defer p.close()
	doctor.Examine(cmd.Context(),
		&doctor.Patient{Config: cfg, DB: p.db, RDB: p.rdb, Valkey: p.valkey, Now: time.Now,
			Version: env.Build.Version, ListenUnset: env.Getenv("LISTEN_ADDR") == "", Send: send}, tell)
}
