package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// testServer is a Server that runs a shell script instead of a store. It has a temporary
// directory to hold.
func testServer(t *testing.T, script string) (*Server, *dir) {
	t.Helper()
	d, err := tempDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.release() })
	place := t.TempDir()
	files, err := os.OpenRoot(place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	s := &Server{
		name: "script", room: &room{path: place, files: files}, stopBy: stopping{"TERM KILL", patience},
		hold: d.hold, log: slog.New(slog.DiscardHandler),
		argv:    func(int) ([]string, error) { return []string{"/bin/sh", "-c", script}, nil },
		answers: func(context.Context, int) error { return errors.New("no answer") },
	}
	return s, d
}

func TestEarlyDeathQuotesTheLog(t *testing.T) {
	s, _ := testServer(t, "echo earlier; echo disk on fire >&2; exit 3")
	err := s.start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 3") ||
		!strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("error does not tell why the server ended: %v", err)
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	s, _ := testServer(t, "echo $$ >pid; touch ready; exec sleep 600")
	ctx, cancel := context.WithCancel(t.Context())
	s.answers = func(context.Context, int) error {
		if _, err := os.Stat(filepath.Join(s.room.path, "ready")); err == nil {
			cancel()
		}
		return errors.New("still loading")
	}
	err := s.start(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "still loading") {
		t.Errorf("start = %v", err)
	}
	b, err := os.ReadFile(filepath.Join(s.room.path, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if pid := firstNumber(string(b)); running(pid) {
		t.Errorf("process %d still runs", pid)
	}
}

func TestStopInsistsWhenSignalsAreIgnored(t *testing.T) {
	s, _ := testServer(t, "trap '' TERM; echo >ready; while :; do sleep 0.05; done")
	s.stopBy.patience = 200 * time.Millisecond
	s.answers = func(context.Context, int) error {
		_, err := os.Stat(filepath.Join(s.room.path, "ready"))
		return err
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err == nil {
		t.Error("stop does not tell that it had to kill")
	}
}

func TestServerRunsAsLongAsItsChildren(t *testing.T) {
	for name, wait := range map[string]func(*Server, *dir){
		"Kill":    func(s *Server, _ *dir) { s.Kill() },
		"release": func(s *Server, d *dir) { s.proc.pipe.Close(); d.release() },
	} {
		t.Run(name, func(t *testing.T) {
			// The child, a Postgres backend say, ends when the test allows it to.
			s, d := testServer(t, `
				echo $$ >pid
				(touch ready; while [ -e ready ] && [ ! -e may ]; do sleep 0.02; done; touch over) &
				exec sleep 600`)
			exists := func(file string) bool {
				_, err := os.Stat(filepath.Join(s.room.path, file))
				return err == nil
			}
			s.answers = func(context.Context, int) error {
				if !exists("ready") {
					return errors.New("not ready")
				}
				return nil
			}
			if err := s.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(s.room.path, "pid"))
			if err != nil {
				t.Fatal(err)
			}
			over := make(chan bool)
			go func() { wait(s, d); over <- exists("over") }()
			waittest.Until(t, "end of the server", func() bool { return !running(firstNumber(string(b))) })
			if err := os.WriteFile(filepath.Join(s.room.path, "may"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if !<-over {
				t.Error("did not wait for the server's child")
			}
		})
	}
}

func TestTakenPortIsTriedAgain(t *testing.T) {
	stack := mustStart(t, Options{Valkey: true, Postgres: true, Fast: true})
	for _, s := range []*Server{stack.Valkey, stack.Postgres} {
		t.Run(s.name, func(t *testing.T) {
			if err := s.stop(); err != nil {
				t.Fatal(err)
			}
			taken, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", s.port))
			if err != nil {
				t.Fatal(err)
			}
			defer taken.Close()
			go refuse(taken)
			// The third try finds the port free.
			argv, tries := s.argv, 0
			s.argv = func(port int) ([]string, error) {
				if tries++; tries == 3 {
					taken.Close()
				}
				return argv(port)
			}
			if err := s.start(t.Context()); err != nil {
				t.Error(err)
			}
			if tries != 3 {
				t.Errorf("%d tries, want 3", tries)
			}
		})
	}
}

// refuse ends each connection at once.
func refuse(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}

func TestFirstStartChoosesAnotherPort(t *testing.T) {
	s, _ := testServer(t, "")
	ports := map[int]bool{}
	s.argv = func(port int) ([]string, error) {
		ports[port] = true
		if len(ports) == 2 {
			return nil, errors.New("enough")
		}
		return []string{"/bin/sh", "-c", "echo 'bind: Address already in use'; exit 1"}, nil
	}
	if err := s.start(t.Context()); err == nil || err.Error() != "enough" {
		t.Errorf("start = %v after ports %v", err, ports)
	}
}
