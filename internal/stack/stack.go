package stack

import (
	"context"
	"errors"
	"log/slog"
	"sync"
)

// Options says what Start starts, and where.
type Options struct {
	// Dir keeps the data; it is made if it does not exist. Empty: a temporary directory that
	// is removed at the end, however the end comes.
	Dir string
	// Valkey and Postgres choose the servers.
	Valkey, Postgres bool
	// Fast is for tests: Postgres does not wait for the disk, which loses its data when the
	// machine crashes, but not when a process is killed.
	Fast bool
	// ValkeyACL are the users of Valkey, as lines of an access list in which words like
	// ADMIN_PASSWORD stand for the password of the server; empty: the default user alone.
	ValkeyACL string
	// Log gets a warning about a server that is not the preferred one; nil: nobody does.
	Log *slog.Logger
}

// Stack is a set of running private servers. Its methods may be called from several
// goroutines.
type Stack struct {
	// DatabaseURL leads to database flagmeter, as a superuser; empty without Postgres. It
	// contains the password.
	DatabaseURL string
	// ValkeyURL leads to Valkey's database 0 of 4096; empty without Valkey. It contains the
	// password.
	ValkeyURL string
	// Valkey and Postgres are for crash tests; nil when not chosen.
	Valkey, Postgres *Server

	dir     *dir
	once    sync.Once
	stopErr error
}

// Start starts the chosen servers at the same time and returns when each has answered. ctx
// bounds the start alone; a server that is silent for 30 s is given up. They run until Stop
// or the end of this process.
//
// Errors name the missing program and the line that installs it, a data directory that is in
// use, or quote the log of a server that ended too early. Nothing is left behind then.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	// Look for both first: one message should name all that is missing.
	var valkey, postgres binary
	var noValkey, noPostgres error
	if o.Valkey {
		valkey, noValkey = findValkey(ctx, o.Log)
	}
	if o.Postgres {
		postgres, noPostgres = findPostgres(ctx, postgresMajor(o.Dir))
	}
	if err := errors.Join(noValkey, noPostgres); err != nil {
		return nil, err
	}

	d, err := openDir(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Stack{dir: d}
	var wg sync.WaitGroup
	var valkeyErr, postgresErr error
	if o.Valkey {
		wg.Go(func() { s.Valkey, s.ValkeyURL, valkeyErr = startValkey(ctx, d, valkey, o) })
	}
	if o.Postgres {
		wg.Go(func() { s.Postgres, s.DatabaseURL, postgresErr = startPostgres(ctx, d, postgres, o) })
	}
	wg.Wait()
	if err := errors.Join(valkeyErr, postgresErr); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Stop stops the servers in an orderly way, waits until they are gone, and gives up the
// directory. It can be called again and then returns the same. The error tells of a server
// that had crashed, or had to be killed.
func (s *Stack) Stop() error {
	s.once.Do(func() {
		var wg sync.WaitGroup
		var errs [2]error
		for i, server := range []*Server{s.Valkey, s.Postgres} {
			if server != nil {
				wg.Go(func() { errs[i] = server.stop() })
			}
		}
		wg.Wait()
		s.stopErr = errors.Join(errs[0], errs[1], s.dir.release())
	})
	return s.stopErr
}

func openDir(ctx context.Context, path string) (*dir, error) {
	if path == "" {
		return tempDir()
	}
	return lockDir(ctx, path)
}
