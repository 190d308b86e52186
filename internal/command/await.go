package command

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

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
// error of ctx, or with what no waiting mends: an outdated schema, another number of shards.
func await(ctx context.Context, log *slog.Logger, what string, try func(context.Context) error) error {
	for attempt := 0; ; attempt++ {
		limited, cancel := context.WithTimeout(ctx, tryLimit)
		err := try(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, schema.ErrOutdated), errors.Is(err, scripts.ErrShards):
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
	return await(ctx, p.log, "postgres", func(ctx context.Context) error { return schema.Check(ctx, p.db) })
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
		if err := schema.Check(ctx, p.db); errors.Is(err, schema.ErrOutdated) {
			return err
		}
		if err := p.tenants.Start(ctx); err != nil {
			return err
		}
		return p.startKeys(ctx)
	})
}

// durable are the settings of Valkey without which it can lose what it has acknowledged.
var durable = []struct{ name, want, risk string }{
	{"appendonly", "yes", "events that were accepted are lost when Valkey ends"},
	{"appendfsync", "always", "up to a second of accepted events is lost when the machine fails"},
	{"maxmemory-policy", "noeviction", "a full Valkey drops events that were accepted"},
}

// checkDurability warns about a Valkey that can lose events, and about one that does not let
// its settings be read: an access list without +config|get, or somebody's managed Valkey.
func (p *process) checkDurability(ctx context.Context) {
	for _, setting := range durable {
		got, err := p.rdb.ConfigGet(ctx, setting.name).Result()
		if redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "unknown command") {
			p.log.Warn("cannot check that valkey keeps what it acknowledges: it does not let its settings be read",
				"should", "appendonly yes, appendfsync always, maxmemory-policy noeviction", "error", err)
			return
		}
		if value, ok := got[setting.name]; err == nil && ok && value != setting.want {
			p.log.Warn("valkey is not set up to keep what it acknowledges",
				"setting", setting.name, "is", value, "should", setting.want, "risk", setting.risk)
		}
	}
}
