package command

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
)

// howToBegin ends a sentence that says that there is no API key.
const howToBegin = "create the first one with 'flagmeter keys create --scope admin'"

// setGate decides whether callers of the API at addr need a credential, and says so.
func (p *process) setGate(log *slog.Logger, addr net.Addr) error {
	local := onlyLocal(p.cfg, addr)
	if p.cfg.Auth == "off" || p.cfg.Auth == "" && local {
		p.onlyLocal = p.cfg.Auth == ""
		if local {
			log.Info("authentication is off: only this machine can reach the API", "address", addr.String())
		} else {
			log.Warn("authentication is off, and other machines can reach the API: AUTH=required"+
				" changes that", "address", addr.String())
		}
		return nil
	}
	tokens, err := auth.NewTokens(tokenOptions(p.cfg))
	if err != nil {
		return err
	}
	if u, err := url.Parse(p.cfg.PublicURL); err == nil && u.Scheme == "http" &&
		!config.IsLoopback(u.Hostname()) {
		log.Warn("PUBLIC_URL is not https: keys, tokens and sessions of browsers travel as they are")
	}
	log.Info("authentication is required", "address", addr.String(), "tokens", tokens != nil)
	p.keys = auth.NewDirectory(p.db, p.valkey, log, failpoint.Now)
	p.observeOdd("api_keys", p.keys.Unreadable)
	p.tokens, p.gate = tokens, auth.NewGate(p.keys, tokens, p.cfg.PublicURL)
	return nil
}

// onlyLocal is Config.OnlyLocal of a listener.
func onlyLocal(cfg config.Config, addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && cfg.OnlyLocal(tcp.IP.String())
}

func tokenOptions(cfg config.Config) auth.TokenOptions {
	return auth.TokenOptions{Secret: []byte(cfg.JWTSecret), JWKS: cfg.JWTKeys,
		JWKSMaxAge:  time.Duration(cfg.JWKSMaxAge),
		MaxLifetime: time.Duration(cfg.JWTMaxLifetime), Issuer: cfg.JWTIssuer, Audience: cfg.JWTAudience,
		Now: failpoint.Now}
}

// startKeys fills the directory of API keys, if callers need one.
func (p *process) startKeys(ctx context.Context) error {
	if p.gate == nil {
		return nil
	}
	return p.keys.Start(ctx)
}

// keepKeys keeps the keys, and those of tokens, fresh until ctx is done.
func (p *process) keepKeys(ctx context.Context, log *slog.Logger) {
	if p.gate == nil {
		return
	}
	if p.keys.Len() == 0 {
		log.Warn("there is no API key, so nobody can use the API: " + howToBegin)
	}
	go p.keys.Keep(ctx)
	go p.tokens.Keep(ctx, log)
}
