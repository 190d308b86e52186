package command

import (
	"context"
	"net"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

// unless returns what work returns or, earlier, what comes from hopeless: a role that was never
// ready has no requests to drain.
func unless(hopeless <-chan error, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-hopeless:
		return err
	case err := <-done:
		return err
	}
}

// Ingest runs the API and the dashboard.
func Ingest(env Env) *cobra.Command {
	return role(env, "ingest", "Run the API and the dashboard",
		`Run the API and the dashboard, on LISTEN_ADDR (default :3000).

It answers 503 until Valkey answers, and then needs only Valkey to accept events: it
starts and works while Postgres is away, with the tenants and API keys it knew last.

After SIGTERM /readyz answers 503, and all else is served for DRAIN_TIME (default 10s).
With REUSE_PORT=true the next version may listen on the same port meanwhile. A socket
that systemd hands over is used instead of LISTEN_ADDR.

With METRICS_ADDR it also serves /metrics there, to whoever reaches that address.

Callers need an API key or a token, see 'flagmeter keys create', unless AUTH=off; without
AUTH, unless only this machine can reach it.`,
		func(cfg config.Config) string { return cfg.ListenAddr },
		func(ctx context.Context, p *process, addr net.Addr) error {
			if err := p.setGate(p.log, addr); err != nil {
				return err
			}
			return p.awaitTenants(ctx)
		},
		func(ctx context.Context, p *process, l net.Listener) error {
			group, ctx := errgroup.WithContext(ctx)
			if !p.prepared {
				if err := p.setGate(p.log, l.Addr()); err != nil {
					return err
				}
			}
			if p.cfg.MetricsAddr != "" && p.registry != nil {
				metrics, err := p.open(ctx, p.cfg.MetricsAddr)
				if err != nil {
					return err
				}
				p.log.Info("metrics are served", "address", metrics.Addr().String())
				group.Go(func() error { return p.serveScrapes(ctx, p.log, metrics) })
			}
			group.Go(func() error { return p.serveAPI(ctx, p.log, l) })
			hopeless := make(chan error, 1)
			group.Go(func() error {
				if !p.prepared {
					if err := p.awaitTenants(ctx); err != nil {
						if ctx.Err() == nil {
							hopeless <- err
						}
						return err
					}
				}
				p.checkDurability(ctx)
				p.keepLive(ctx, p.log)
				p.keepKeys(ctx, p.log)
				p.ready()
				return p.keepShards(ctx)
			})
			return unless(hopeless, group.Wait)
		})
}
