package command

import (
	"cmp"
	"context"
	"net"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

// Flusher runs the mover of events from Valkey to Postgres.
func Flusher(env Env) *cobra.Command {
	return role(env, "flusher", "Move events from Valkey to Postgres",
		`Move events from Valkey to Postgres, every second. Several may run at the same time.

It serves /metrics and /healthz on METRICS_ADDR (default :9101).`,
		func(cfg config.Config) string { return cmp.Or(cfg.MetricsAddr, ":9101") },
		func(context.Context, *process, net.Addr) error { return nil }, // only scrapes come
		func(ctx context.Context, p *process, l net.Listener) error {
			p.retains = true
			group, ctx := errgroup.WithContext(ctx)
			group.Go(func() error { return p.serveMetrics(ctx, p.log, l) })
			group.Go(func() error { p.watchQueue(ctx, p.log); return nil })
			group.Go(func() error {
				if err := p.awaitStores(ctx); err != nil {
					return err
				}
				p.ready()
				p.checkDurability(ctx)
				p.checkRetention(ctx)
				group.Go(func() error { return p.keepShards(ctx) })
				group.Go(func() error { p.watchBackup(ctx); return nil })
				return p.flush(ctx, p.log)
			})
			return group.Wait()
		})
}
