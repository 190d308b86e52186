package command

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/store"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

func retention(cfg config.Config) schema.Retention {
	return schema.Retention{Events: time.Duration(cfg.EventsRetention),
		Rollups: time.Duration(cfg.RollupsRetention)}
}

// setRetention enters the settings of the environment as what the database keeps: over what was
// entered before if they are set, else only if nothing was.
func (e Env) setRetention(ctx context.Context, db *sqlx.DB) error {
	cfg, err := e.ownedSettings()
	if err != nil {
		return err
	}
	return enterRetention(ctx, db, cfg.Config,
		func(setting string) bool { return e.Getenv(setting) != "" })
}

func enterRetention(
	ctx context.Context, db *sqlx.DB, cfg config.Config, over func(setting string) bool,
) error {
	r := retention(cfg)
	return errors.Join(
		schema.SetRetention(ctx, db, store.Events, r.Events, over("EVENTS_RETENTION")),
		schema.SetRetention(ctx, db, store.Rollups, r.Rollups, over("ROLLUPS_RETENTION")))
}

// checkRetention warns of settings by which this flusher would drop what the database keeps.
func (p *process) checkRetention(ctx context.Context) {
	policy, set, err := schema.Policy(ctx, p.db)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		p.log.Warn("cannot see for how long the database keeps rows", "error", err)
		return
	}
	own := retention(p.cfg)
	for name, keep := range map[string][2]time.Duration{
		"EVENTS_RETENTION":  {own.Events, policy.Events},
		"ROLLUPS_RETENTION": {own.Rollups, policy.Rollups},
	} {
		if set && keepsLonger(keep[1], keep[0]) {
			p.log.Warn("the database keeps rows for longer than this flusher is set to: run"+
				" 'flagmeter migrate' with the same setting, or correct this one",
				"setting", name, "is", keep[0].String(), "database", keep[1].String())
		}
	}
}

// keepsLonger compares two retentions, of which 0 is for ever.
func keepsLonger(a, b time.Duration) bool { return b != 0 && (a == 0 || a > b) }
