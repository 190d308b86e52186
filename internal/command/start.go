package command

import (
	"context"
	"net"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/listen"
	"github.com/eduardosanzb/flagmeter/internal/store"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

// listen returns the socket that systemd has handed over, or opens one at address. Requests
// come from such a socket at once, and from one that is shared: then prepare is called first.
func (p *process) listen(
	ctx context.Context, address string, prepare func(context.Context, *process, net.Addr) error,
) (net.Listener, error) {
	inherited, err := listen.Inherited()
	if err != nil {
		return nil, err
	}
	if inherited != nil {
		p.prepared = true
		return inherited, prepare(ctx, p, inherited.Addr())
	}
	if !p.cfg.ReusePort {
		return p.open(ctx, address)
	}
	p.prepared = true
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, p, addr); err != nil {
		return nil, err
	}
	return p.open(ctx, address)
}

// open listens at address, shared with the next process if the settings say so.
func (p *process) open(ctx context.Context, address string) (net.Listener, error) {
	if p.cfg.ReusePort {
		return listen.OpenShared(ctx, address)
	}
	return listen.Open(ctx, address)
}

// ready tells systemd, if that has started the process, that the role does its work.
func (p *process) ready() {
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		p.log.Warn("systemd was not told that the role is ready", "error", err)
	}
}

// migrate brings the schema up to date, if the settings say so. It waits for Postgres and for
// other migrators, which may take as long as they need.
func (p *process) migrate(ctx context.Context) error {
	if !p.cfg.MigrateOnStart {
		return nil
	}
	db, err := store.Open(owned{p.cfg}.owned(), poolSize, 0)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := await(ctx, p.log, "postgres, to bring its schema up to date",
		db.PingContext); err != nil {
		return err
	}
	applied, err := schema.Migrate(ctx, db)
	if err != nil {
		return err
	}
	p.log.Info("the schema is up to date", "applied", applied)
	if _, err := loadShipped(ctx, db, p.cfg.Currency, failpoint.Now()); err != nil {
		return err
	}
	if p.retains { // of several roles that migrate, one has these settings
		return enterRetention(ctx, db, p.cfg, func(string) bool { return true })
	}
	return nil
}
