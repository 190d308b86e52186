package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/eduardosanzb/flagmeter/internal/client"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/demo"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/listen"
	"github.com/eduardosanzb/flagmeter/internal/logging"
	"github.com/eduardosanzb/flagmeter/internal/stack"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// devOptions are the flags of dev.
type devOptions struct {
	listen string
	data   string
	demo   bool
}

// Dev runs all roles in one process.
func Dev(env Env) *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run everything in one process, on stores of its own",
		Long: `Run the API, the flusher and the alerter in one process, with the tenant acme-corp.

Where DATABASE_URL or VALKEY_URL is not set, it starts a private Postgres or Valkey,
which must be installed but need not run. Ctrl-C stops all that was started; without
--data the private stores' data goes with it.

On loopback it runs open and says so. Where others can reach it, or with AUTH=required, it
makes an API key and prints it, unless AUTH=off.

The addresses of both stores are printed, and "flagmeter ready" with the dashboard's
when the first event can be sent. Logs go to stderr, warnings only unless LOG_LEVEL is
set.`,
		Example: `  flagmeter dev --demo
  flagmeter dev --data .flagmeter --listen 127.0.0.1:8080`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, _, err := net.SplitHostPort(o.listen); err != nil {
				return misuse("--listen must be an address like 127.0.0.1:3000, not %q", o.listen)
			}
			return dev(cmd.Context(), env, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:3000",
		"`address` of the dashboard and the API; port 0 picks a free one")
	f.StringVar(&o.data, "data", "",
		"`directory` that keeps the private stores' data (default: none is kept)")
	f.BoolVar(&o.demo, "demo", false, "add tenants and a stream of events")
	return cmd
}

// dev takes the steps up and, in the opposite order, down.
func dev(ctx context.Context, env Env, o devOptions, stdout, stderr io.Writer) (err error) {
	cfg, err := config.Load(env.Getenv)
	if err != nil {
		return err
	}
	cfg.DrainTime = time.Second // no proxy has to see it
	if env.Getenv("LOG_LEVEL") == "" {
		cfg.LogLevel = slog.LevelWarn
	}
	log := logging.Text(stderr, cfg.LogLevel)

	listener, err := listen.Open(ctx, o.listen)
	if err != nil {
		return fmt.Errorf("%w: choose another with --listen", err)
	}
	defer listener.Close()
	warn(stderr, o, cfg)

	stop, err := privateStores(ctx, &cfg, o.data, log)
	if err != nil {
		return unlessDone(ctx, err)
	}
	defer func() { err = errors.Join(err, stop()) }()
	p, err := newProcess(env, cfg, log)
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.startAdmin(ctx, log); err != nil {
		return err
	}
	if err := p.prepare(ctx, o.demo); err != nil {
		return unlessDone(ctx, err)
	}
	fmt.Fprintf(stdout, "DATABASE_URL=%s\nVALKEY_URL=%s\n", string(cfg.DatabaseURL),
		string(cfg.ValkeyURL))
	key, err := p.devGate(ctx, log, listener.Addr(), stdout)
	if err != nil {
		return unlessDone(ctx, err)
	}

	// The roles outlive ctx until the demo has ended.
	rolesCtx, stopRoles := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRoles()
	url := localURL(listener.Addr().String())
	roles := p.startAll(rolesCtx, listener, url)
	err = present(ctx, roles.ctx, url, func(ctx context.Context) error {
		fmt.Fprintf(stdout, "flagmeter ready %s/usage\n", url)
		if !o.demo {
			<-ctx.Done()
			return nil
		}
		return demo.Run(ctx, &client.Client{URL: url, Key: key},
			demo.Options{Log: log.With("role", "demo")})
	})
	stopRoles()
	return errors.Join(err, within(rolesCtx, log, cfg.DrainTime+stopLimit, roles.Wait))
}

// unlessDone returns err unless ctx is done: a start that was broken off is no failure.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// privateStores starts the stores that cfg does not name, and enters them there.
func privateStores(
	ctx context.Context, cfg *config.Config, dir string, log *slog.Logger,
) (stop func() error, err error) {
	o := stack.Options{Dir: dir, Valkey: cfg.ValkeyURL == "",
		Postgres: cfg.DatabaseURL == "", Log: log}
	if !o.Valkey && !o.Postgres {
		return func() error { return nil }, nil
	}
	s, err := stack.Start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start private stores: %w", err)
	}
	if o.Valkey {
		cfg.ValkeyURL = config.Secret(s.ValkeyURL)
	}
	if o.Postgres {
		cfg.DatabaseURL = config.Secret(s.DatabaseURL)
	}
	return s.Stop, nil
}

// prepare brings the stores to where the roles can start.
func (p *process) prepare(ctx context.Context, withDemo bool) error {
	if err := p.valkey.ClaimShards(ctx); err != nil {
		return err
	}
	// An account that does not own the schema can still use one that is up to date.
	err := schema.Check(ctx, p.db)
	if errors.Is(err, schema.ErrOutdated) {
		_, err = schema.Migrate(ctx, p.db)
	}
	if err != nil {
		return err
	}
	if _, err := loadShipped(ctx, p.db, p.cfg.Currency, failpoint.Now()); err != nil {
		return err
	}
	all := append(demo.Tenants(), acme)
	if !withDemo {
		all = all[len(all)-1:]
	}
	if _, err := addTenants(ctx, p.db, all...); err != nil {
		return err
	}
	p.checkDurability(ctx)
	return p.tenants.Start(ctx)
}

// devGate says who may use the API: every caller on this machine or, if others can reach it,
// holders of the key that it makes and prints.
func (p *process) devGate(
	ctx context.Context, log *slog.Logger, addr net.Addr, stdout io.Writer,
) (key string, err error) {
	if err := p.setGate(log, addr); err != nil {
		return "", err
	}
	if p.gate == nil {
		who := "everybody who can reach"
		if onlyLocal(p.cfg, addr) {
			who = "everybody on this machine, and nobody else, can use"
		} else {
			who += " it can use"
		}
		fmt.Fprintf(stdout, "authentication is off: %s %s\n", who, addr)
		return "", nil
	}
	if key, err = p.createKey(ctx); err != nil {
		return "", err
	}
	fmt.Fprintf(stdout,
		"authentication is required; this key of scope admin ends in 24 hours:\nAPI_KEY=%s\n", key)
	return key, nil
}

// roles are running roles. Their ctx ends with the first that fails.
type roles struct {
	*errgroup.Group
	ctx context.Context
}

// startAll starts every role in this process.
func (p *process) startAll(ctx context.Context, listener net.Listener, url string) roles {
	group, ctx := errgroup.WithContext(ctx)
	as := func(role string) *slog.Logger { return p.log.With("role", role) }
	group.Go(func() error { return p.serveAPI(ctx, as("ingest"), listener) })
	p.keepLive(ctx, as("ingest"))
	p.keepKeys(ctx, as("ingest"))
	group.Go(func() error { return p.flush(ctx, as("flusher")) })
	group.Go(func() error { p.watchQueue(ctx, as("flusher")); return nil })
	group.Go(func() error { return p.alert(ctx, as("alerter"), cmp.Or(p.cfg.PublicURL, url)) })
	return roles{group, ctx}
}

// warn reports what may surprise the person who typed the command.
func warn(stderr io.Writer, o devOptions, cfg config.Config) {
	if o.data != "" && cfg.DatabaseURL != "" && cfg.ValkeyURL != "" {
		fmt.Fprintln(stderr,
			"flagmeter: warning: --data is not used, because DATABASE_URL and VALKEY_URL are set")
	}
}
