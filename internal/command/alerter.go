package command

import (
	"cmp"
	"context"
	"net"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

// Alerter runs the comparison of usage with quotas.
func Alerter(env Env) *cobra.Command {
	return role(env, "alerter", "Alert when a tenant reaches a threshold",
		`Compare the usage of tenants with their thresholds, every second, and tell Slack and
other webhooks once per crossing. Several may run at the same time.

It serves /metrics and /healthz on METRICS_ADDR (default :9102).`,
		func(cfg config.Config) string { return cmp.Or(cfg.MetricsAddr, ":9102") },
		func(context.Context, *process, net.Addr) error { return nil }, // only scrapes come
		func(ctx context.Context, p *process, l net.Listener) error {
			group, ctx := errgroup.WithContext(ctx)
			group.Go(func() error { return p.serveMetrics(ctx, p.log, l) })
			group.Go(func() error {
				if err := p.awaitStores(ctx); err != nil {
					return err
				}
				p.ready()
				p.keepLive(ctx, p.log)
				group.Go(func() error { return p.keepShards(ctx) })
				return p.alert(ctx, p.log, p.cfg.PublicURL)
			})
			return group.Wait()
		})
}
