package command

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/tenants"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// process is what the roles of one process share.
type process struct {
	cfg      config.Config
	log      *slog.Logger
	registry *prometheus.Registry // nil if nobody observes
	db       *sqlx.DB
	rdb      redis.UniversalClient
	valkey   *scripts.Valkey
	tenants  *tenants.Directory
	live     *usage.Live

	prepared bool // the role could answer requests before it listened
	// retains is set for the role whose settings say for how long rows are kept.
	retains bool

	onlyLocal bool // set by setGate: nobody is asked for a credential, and only this machine answered

	// Set by setGate if callers of the API need a credential.
	gate   *auth.Gate
	keys   *auth.Directory
	tokens *auth.Tokens // nil: none are taken
}

// newProcess prepares everything and connects to nothing yet.
func newProcess(env Env, cfg config.Config, log *slog.Logger) (*process, error) {
	tuneMemory(env.Getenv, log)
	// The client reports each failed connection on stderr, beside the error it returns.
	redis.SetLogger(debugLogger{log})
	rdb, err := connectValkey(cfg)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(string(cfg.DatabaseURL), poolSize, store.QueryTimeout)
	if err != nil {
		rdb.Close()
		return nil, err
	}
	valkey := scripts.New(rdb, cfg.Shards)
	registry := newRegistry(cfg, env.Build, db, valkey)
	directory := tenants.New(db, valkey, log)
	p := &process{
		cfg: cfg, log: log, registry: registry, db: db, rdb: rdb, valkey: valkey,
		tenants: directory, live: usage.New(db, valkey, directory, failpoint.Now),
	}
	p.observeOdd("tenants", directory.Unreadable)
	return p, nil
}

// connectValkey is how every command reaches Valkey, with the certificates of the settings.
func connectValkey(cfg config.Config) (redis.UniversalClient, error) {
	files := valkey.TLS{CAFile: cfg.ValkeyCAFile, CertFile: cfg.ValkeyCertFile,
		KeyFile: cfg.ValkeyKeyFile}
	return valkey.ConnectTLS(string(cfg.ValkeyURL), files)
}

// close gives up the connections. Nothing may use them any more.
func (p *process) close() {
	p.rdb.Close()
	p.db.Close()
}

// debugLogger takes the messages of go-redis, which has one logger for the whole process.
type debugLogger struct{ log *slog.Logger }

func (l debugLogger) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, strings.TrimSpace(fmt.Sprintf(format, args...)))
}
