package command

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
	"github.com/eduardosanzb/flagmeter/scripts"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

const (
	// tryLimit bounds one attempt to reach the stores. A Postgres that is frozen takes 5 s
	// to be given up, and may be asked twice before Valkey is.
	tryLimit = 15 * time.Second
	// tryPause is the time between two attempts.
	tryPause = time.Second
	// remindEvery is how many failed attempts make another line in the log.
	remindEvery = 60
)

// await tries until it succeeds. It logs that it waits, and why, and ends early with the
// error of ctx, or with a hopeless one.
func await(
	ctx context.Context, log *slog.Logger, what string, try func(context.Context) error,
) error {
	for attempt := 0; ; attempt++ {
		limited, cancel := context.WithTimeout(ctx, tryLimit)
		err := try(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case hopeless(err):
			return err
		case err == nil:
			if attempt > 0 {
				log.Info("no longer waiting for " + what)
			}
			return nil
		case attempt%remindEvery == 0:
			log.Warn("waiting for "+what, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tryPause):
		}
	}
}

// awaitStores waits until Valkey answers, and Postgres with a schema that is up to date, which
// MIGRATE_ON_START makes it first.
func (p *process) awaitStores(ctx context.Context) error {
	if err := p.migrate(ctx); err != nil {
		return err
	}
	if err := await(ctx, p.log, "valkey", p.valkey.ClaimShards); err != nil {
		return err
	}
	return await(ctx, p.log, "postgres",
		func(ctx context.Context) error { return p.checkDatabase(ctx) })
}

// checkDatabase returns an error if the schema is outdated, or if the database has money of another
// currency than the settings.
func (p *process) checkDatabase(ctx context.Context) error {
	if err := schema.Check(ctx, p.db); err != nil {
		return err
	}
	return store.CheckCurrency(ctx, p.db, p.cfg.Currency)
}

// hopeless reports whether an error is one that no waiting mends: an outdated schema, another number
// of shards, another currency.
func hopeless(err error) bool {
	_, currency := errors.AsType[*store.CurrencyError](err)
	return currency || errors.Is(err, schema.ErrOutdated) || errors.Is(err, scripts.ErrShards)
}

// awaitTenants waits until Valkey answers and the tenants are known, with the API keys if
// there must be some: from Postgres or, while that is away, from their copy in Valkey.
// MIGRATE_ON_START waits for Postgres, for which the schema could be too old otherwise.
func (p *process) awaitTenants(ctx context.Context) error {
	if err := p.migrate(ctx); err != nil {
		return err
	}
	if err := await(ctx, p.log, "valkey", p.valkey.ClaimShards); err != nil {
		return err
	}
	return await(ctx, p.log, "postgres or a copy of the tenants", func(ctx context.Context) error {
		// Any other error is Start's to judge: Postgres may be away.
		if err := p.checkDatabase(ctx); hopeless(err) {
			return err
		}
		if err := p.tenants.Start(ctx); err != nil {
			return err
		}
		return p.startKeys(ctx)
	})
}

// lookLimit is how long a start waits for the stores before it goes on without them.
const lookLimit = 3 * time.Second

// refuse returns an error that waiting cannot cure, before the role says that it has started and
// before it takes a connection. The role waits later for a store that does not answer now.
func (p *process) refuse(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	found := make(chan error, 2)
	go func() { found <- p.valkey.ClaimShards(ctx) }()
	go func() { // which may take longer than ctx: the driver waits for a frozen server
		if p.cfg.MigrateOnStart {
			found <- nil
			return
		}
		found <- p.checkDatabase(ctx)
	}()
	for range 2 {
		select {
		case err := <-found:
			if hopeless(err) {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// risks are what a Valkey can lose, by how it syncs.
var risks = map[valkey.Fsync]struct{ should, risk string }{
	valkey.FsyncNone: {"appendonly yes", "events that were accepted are lost when Valkey ends"},
	valkey.FsyncLater: {"appendfsync always",
		"up to a second of accepted events is lost when the machine fails"},
	valkey.FsyncNever: {"appendfsync always",
		"accepted events are lost when the machine fails, and none gets to Postgres"},
}

// checkDurability warns about a Valkey that can lose events, and about one in which that cannot
// be seen: a server before Redis 7.2, or an access list without WAITAOF.
func (p *process) checkDurability(ctx context.Context) {
	nodes, err := p.valkey.DurableNodes(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		p.log.Warn("cannot check that valkey keeps what it acknowledges", "error", err)
		return
	}
	for _, n := range nodes {
		if n.Fsync == valkey.FsyncUnseen {
			p.log.Warn("cannot check that valkey keeps what it acknowledges: it takes no WAITAOF",
				"node", n.Node, "should", "appendonly yes, appendfsync always")
		}
		if r, bad := risks[n.Fsync]; bad {
			p.log.Warn("valkey is not set up to keep what it acknowledges",
				"node", n.Node, "syncs", string(n.Fsync), "should", r.should, "risk", r.risk)
		}
		if n.Policy != "noeviction" {
			p.log.Warn("valkey is not set up to keep what it acknowledges",
				"node", n.Node, "maxmemory-policy", n.Policy, "should", "maxmemory-policy noeviction",
				"risk", "a full Valkey drops events that were accepted")
		}
	}
}
