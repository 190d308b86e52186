package stack

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed watchdog.sh
var watchdog string

// process is one program below a watchdog.
type process struct {
	name  string
	pipe  *os.File // to the watchdog: signals; its end stops the program
	room  *room    // whose file "log" has the output of the program
	start int64    // where in that file this run begins

	gone chan struct{} // closed when the program and all its children are gone
	err  error         // how it ended; valid when gone is closed
}

// spec says what to run.
type spec struct {
	name string   // for errors and logs
	room *room    // directory to run in; output goes to its file "log"
	argv []string // the program with its arguments; no secrets, anyone can read them
	stop stopping // how to stop it
	hold *os.File // inherited by the program and its children
}

// stopping is how a program is stopped: by signals, mildest first, each of which has some
// time to work.
type stopping struct {
	signals  string
	patience time.Duration // of at least 100 ms
}

// start runs the program below a watchdog. It does not wait for anything.
func start(s spec) (*process, error) {
	p := &process{name: s.name, room: s.room, gone: make(chan struct{})}
	log, err := s.room.open("log", os.O_CREATE|os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", s.name, err)
	}
	defer log.Close()
	if p.start, err = log.Seek(0, io.SeekEnd); err != nil {
		return nil, fmt.Errorf("find the end of the log of %s: %w", s.name, err)
	}

	orders, pipe, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for %s: %w", s.name, err)
	}
	defer orders.Close()
	// Every process below the watchdog inherits the writing end of this one, and
	// nobody writes: its end means that the last of them has exited.
	alive, dying, err := os.Pipe()
	if err != nil {
		pipe.Close()
		return nil, fmt.Errorf("make a pipe for %s: %w", s.name, err)
	}
	defer dying.Close()

	args := []string{"-s", s.room.path, s.stop.signals, strconv.FormatInt(s.stop.patience.Milliseconds()/100, 10)}
	cmd := exec.Command("/bin/sh", append(args, s.argv...)...)
	cmd.Stdin = strings.NewReader(watchdog) // not an argument: `ps` should stay readable
	cmd.Dir = "/"                           // the watchdog changes into the room
	cmd.Env = environ()
	cmd.Stdout, cmd.Stderr = log, log // never the caller's: `go test` waits until those are closed
	cmd.ExtraFiles = []*os.File{orders, s.hold, dying}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	s.room.user.apply(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		pipe.Close()
		alive.Close()
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	p.pipe = pipe
	go func() {
		p.err = cmd.Wait()
		_, _ = io.Copy(io.Discard, alive)
		alive.Close()
		close(p.gone)
	}()
	return p, nil
}

// stop lets the watchdog stop the program and waits until all of it is gone, which takes the
// whole patience for each signal that has no effect. It returns nil when the program ended well.
func (p *process) stop() error {
	p.pipe.Close()
	<-p.gone
	return p.end()
}

// kill ends the program with SIGKILL and waits until its children are gone too.
func (p *process) kill() {
	_, _ = io.WriteString(p.pipe, "KILL\n") // fails when it is gone already
	<-p.gone
	p.pipe.Close()
}

// end says how a program that is gone ended: nil for exit status 0, otherwise an error that
// quotes the last lines of its log.
func (p *process) end() error {
	if p.err == nil {
		return nil
	}
	return &endError{name: p.name, err: p.err, log: p.tail()}
}

// tail returns the last lines that this run of the program wrote.
func (p *process) tail() string {
	const most = 4096 // bytes, enough for some 20 lines
	f, err := p.room.open("log", os.O_RDONLY)
	if err != nil {
		return ""
	}
	defer f.Close()
	from := p.start
	if size, err := f.Seek(0, io.SeekEnd); err == nil && size-most > from {
		from = size - most
	}
	b, _ := io.ReadAll(io.NewSectionReader(f, from, most))
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// endError is a program that ended by itself, or badly.
type endError struct {
	name string
	err  error
	log  string
}

func (e *endError) Error() string {
	return fmt.Sprintf("%s ended (%v), its last lines were:\n%s", e.name, e.err, e.log)
}

func (e *endError) Unwrap() error { return e.err }

// portTaken reports whether a server ended because something else listens on its port.
func portTaken(err error) bool {
	var end *endError
	return errors.As(err, &end) && strings.Contains(end.log, "ddress already in use")
}

// environ is what the servers see of the caller's environment: not its secrets, nor the
// PG... and LC_... settings that would change how they behave.
func environ() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
