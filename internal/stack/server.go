package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

const (
	pollEvery  = 10 * time.Millisecond // between two looks at something we wait for
	startLimit = 2 * time.Minute       // for a server to answer, crash recovery and a busy machine included
	patience   = 30 * time.Second      // with a server that was told to stop
)

// Server is a running Valkey or Postgres of a Stack. Its methods may be called from several
// goroutines; each waits for the one before.
type Server struct {
	name    string
	room    *room
	stopBy  stopping
	hold    *os.File
	log     *slog.Logger
	argv    func(port int) ([]string, error) // prepares a start and returns the command line
	answers func(ctx context.Context, port int) error

	mu   sync.Mutex
	port int      // fixed by the first start
	proc *process // nil when it does not run
}

// start runs the server and waits until it answers. The first start picks a free port, and
// another if somebody takes that one meanwhile; later starts insist on the same.
func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("no answer in %s", startLimit))
	defer cancel()
	for {
		port := s.port
		if port == 0 {
			var err error
			if port, err = freePort(); err != nil {
				return err
			}
		}
		began := time.Now()
		proc, err := s.startOn(ctx, port)
		switch {
		case err == nil:
			s.port, s.proc = port, proc
			s.log.Debug("server answers", "server", s.name, "port", port, "after", time.Since(began))
			return nil
		case !portTaken(err):
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pollEvery):
		}
	}
}

func (s *Server) startOn(ctx context.Context, port int) (*process, error) {
	argv, err := s.argv(port)
	if err != nil {
		return nil, err
	}
	proc, err := start(spec{name: s.name, room: s.room, argv: argv, stop: s.stopBy, hold: s.hold})
	if err != nil {
		return nil, err
	}
	for {
		err := s.answers(ctx, port)
		if err == nil {
			return proc, nil
		}
		select {
		case <-proc.gone:
			proc.pipe.Close()
			if err := proc.end(); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("%s ended before it answered:\n%s", s.name, proc.tail())
		case <-ctx.Done():
			proc.kill()
			return nil, fmt.Errorf("wait for %s to answer: %w; it last said: %w", s.name, context.Cause(ctx), err)
		case <-time.After(pollEvery):
		}
	}
}

// Kill ends the server with SIGKILL, as a crash would, and returns when all its processes are
// gone. A server that does not run is left alone.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		s.proc.kill()
		s.proc = nil
	}
}

// Restart starts the server again, on the same port and data, and returns when it answers.
// One that still runs is stopped in an orderly way first.
func (s *Server) Restart(ctx context.Context) error {
	_ = s.stop() // how the last run ended does not matter to the next
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.start(ctx)
}

// stop stops the server in an orderly way and waits until all its processes are gone. The
// error tells of one that had ended by itself, or had to be killed.
func (s *Server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return nil
	}
	err := s.proc.stop()
	s.proc = nil
	return err
}

// freePort asks the kernel for a port of 127.0.0.1 that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("find a free port: the listener has no TCP address")
	}
	return addr.Port, nil
}
