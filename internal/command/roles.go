package command

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/alerter"
	"github.com/eduardosanzb/flagmeter/alerter/outbox"
	"github.com/eduardosanzb/flagmeter/flusher"
	"github.com/eduardosanzb/flagmeter/flusher/backlog"
	"github.com/eduardosanzb/flagmeter/ingest"
	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/backend"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/ingest/intake"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/httpd"
	"github.com/eduardosanzb/flagmeter/internal/listen"
	"github.com/eduardosanzb/flagmeter/internal/logging"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// stopLimit is how long a role may take to end, after DRAIN_TIME. It is only reached when a
// store hangs in the middle of an answer, for the Postgres driver then waits beyond its
// context. What was in hand is safe: it is either committed or waits in Valkey for the next
// process. Whoever sends SIGTERM expects the end within DRAIN_TIME + 25 s.
const stopLimit = 24 * time.Second

// role is the command of a daemon: work gets a process and a listener on address, and works
// until its context is done. Before, prepare brings it to where it can answer requests at an
// address, if it gets some as soon as it listens.
func role(env Env, name, short, long string, address func(config.Config) string,
	prepare func(context.Context, *process, net.Addr) error, work func(context.Context, *process,
		net.Listener) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: long, Args: cobra.NoArgs,
		Example: "  flagmeter " + name + "\n  (set -a; . ./.env; exec flagmeter " + name + ")",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			cfg, err := config.Load(env.Getenv, "DATABASE_URL", "VALKEY_URL")
			if err != nil {
				return err
			}
			p, err := newProcess(env, cfg, logging.JSON(cmd.OutOrStdout(), cfg.LogLevel).With("role", name))
			if err != nil {
				return err
			}
			defer p.close()
			if err := p.refuse(ctx); err != nil {
				return err
			}
			listener, err := p.listen(ctx, address(cfg), prepare)
			if err != nil {
				return unlessDone(ctx, err)
			}
			if err := p.startAdmin(ctx, p.log); err != nil {
				return err
			}
			p.log.Info("started", "address", listener.Addr().String(), "version", env.Build.Version)
			if err := within(ctx, p.log, cfg.DrainTime+stopLimit, func() error {
				return work(ctx, p, listener)
			}); err != nil {
				return err
			}
			p.log.Info("stopped")
			return nil
		},
	}
}

// within returns what work returns, or gives up with a warning if that takes longer than
// limit from the end of ctx on. That ctx has ended is no error.
func within(ctx context.Context, log *slog.Logger, limit time.Duration, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(limit):
			log.Warn("work in hand was not finished: the next process will do it", "limit", limit.String())
		}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// keepLive keeps usage fresh until ctx is done. It runs beside the work that is waited for
// at the end, since a refresh that is broken off costs nothing.
func (p *process) keepLive(ctx context.Context, log *slog.Logger) {
	go p.live.Keep(ctx, log)
}

// serveAPI serves the API and the dashboard. It answers 503 until the tenants are known.
func (p *process) serveAPI(ctx context.Context, log *slog.Logger, listener net.Listener) error {
	server := ingest.New(ingest.Options{
		Backend: backend.Backend{DB: p.db, Valkey: p.valkey, Tenants: p.tenants, Live: p.live,
			Now: failpoint.Now, Log: log, Currency: p.cfg.Currency},
		Registry: p.registry, TopTenants: p.cfg.TopTenants,
		FrameAncestors: p.cfg.FrameAncestors(),
		DrainDelay:     p.cfg.DrainTime, HSTS: p.cfg.HSTSMaxAge,
		Memory: int64(p.cfg.RequestMemory), Connections: p.cfg.MaxConnections,
		Intake: intake.Settings{
			AutoCreate: p.cfg.AutoCreateTenants, DefaultQuota: p.cfg.DefaultQuota,
			DefaultThresholds: p.cfg.Thresholds(), MaxInFlight: p.cfg.MaxInFlight,
		},
		Limits: commit.Settings{
			Dedupe: p.cfg.DedupeWindow, Rate: meter.NewRate(p.cfg.RateLimit, p.cfg.RateBurst),
			Guard: guard(p.cfg), MaxWaiting: p.cfg.MaxInFlight, MaxFeatures: p.cfg.MaxFeatures,
			GroupLinger: p.cfg.GroupLinger,
		},
		Callers: account.Settings{
			Gate: p.gate, OnlyLocal: p.onlyLocal, KeyLimits: keyLimits(p.cfg),
			CORSOrigins: p.cfg.Origins(), PublicURL: p.cfg.PublicURL,
		},
	})
	return cutOff(ctx, log, server.Run(ctx, listener))
}

// guard is RATE_GUARD as a rate: ten seconds' worth may come at once, and the largest batch always.
func guard(cfg config.Config) meter.Rate {
	if cfg.RateGuard == 0 {
		return meter.Rate{}
	}
	return meter.NewRate(cfg.RateGuard, max(10*cfg.RateGuard, meter.MaxEvents))
}

// serveMetrics answers /metrics and /healthz of a role without an API.
func (p *process) serveMetrics(ctx context.Context, log *slog.Logger, listener net.Listener) error {
	return cutOff(ctx, log, httpd.Server{Handler: httpd.Metrics(log, p.registry), Log: log,
		Limits: httpd.Scrapes()}.Serve(ctx, listener))
}

// serveScrapes answers /metrics of the API on a port of its own, where nobody is asked for a
// credential. Scrapes are not counted there: the API's observer has the only registration.
func (p *process) serveScrapes(ctx context.Context, log *slog.Logger, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", httpd.Scrape(p.registry))
	return cutOff(ctx, log, httpd.Server{Handler: httpd.Guard(mux, httpd.Data()), Log: log,
		Limits: httpd.Scrapes()}.Serve(ctx, listener))
}

// startAdmin serves profiles until ctx is done, if the settings say where.
func (p *process) startAdmin(ctx context.Context, log *slog.Logger) error {
	if p.cfg.AdminAddr == "" {
		return nil
	}
	listener, err := listen.Open(ctx, p.cfg.AdminAddr)
	if err != nil {
		return err
	}
	log.Info("profiles are served", "address", listener.Addr().String())
	go httpd.ServeAdmin(ctx, log, listener)
	return nil
}

// cutOff makes a warning of requests that were cut off at the end because their clients did
// not finish them in time: nothing was acknowledged to them.
func cutOff(ctx context.Context, log *slog.Logger, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
		log.Warn("requests were cut off", "error", err)
		return nil
	}
	return err
}

// flush moves batches to Postgres. The stores must have answered.
func (p *process) flush(ctx context.Context, log *slog.Logger) error {
	patient, err := store.Open(string(p.cfg.DatabaseURL), 2, store.LongQueryTimeout)
	if err != nil {
		return err
	}
	defer patient.Close()
	if p.registry != nil {
		p.registry.MustRegister(collectors.NewDBStatsCollector(patient.DB, "flagmeter_patient"))
	}
	f := flusher.New(flusher.Options{DB: p.db, LongQueryDB: patient, Valkey: p.valkey,
		Dedupe:           p.cfg.DedupeWindow,
		EventsRetention:  time.Duration(p.cfg.EventsRetention),
		RollupsRetention: time.Duration(p.cfg.RollupsRetention),
		Now:              failpoint.Now, Log: log, Registerer: p.registerer()})
	f.Run(ctx)
	return nil
}

// watchQueue publishes what waits in Valkey, even while Postgres is down.
func (p *process) watchQueue(ctx context.Context, log *slog.Logger) {
	if p.registry != nil {
		backlog.New(p.valkey, failpoint.Now, log, p.registry).Run(ctx)
	}
}

// alert compares usage with thresholds. The stores must have answered, and somebody must
// keep p.live fresh. Messages link to publicURL, unless it is empty.
func (p *process) alert(ctx context.Context, log *slog.Logger, publicURL string) error {
	deliveries := outbox.New(outbox.Options{
		DB: p.db, DefaultURL: string(p.cfg.SlackWebhookURL), AllowPrivate: p.cfg.WebhookAllowPrivate,
		PublicURL: publicURL, Log: log, Now: failpoint.Now, Registerer: p.registerer(),
	})
	a := alerter.New(alerter.Options{
		DB: p.db, Usage: p.live, Changes: p.live.Changes(), Outbox: deliveries,
		Log: log, Now: failpoint.Now, Registerer: p.registerer(),
	})
	return a.Run(ctx)
}
