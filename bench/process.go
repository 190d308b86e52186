package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// process is a contender, or a role of FlagMeter, that listens on a port of its own.
type process struct {
	rig  *rig
	cmd  *exec.Cmd
	addr string // host:port
}

// startLimit is how long a process may take to say where it listens.
const startLimit = 10 * time.Second

// role starts a role of FlagMeter on the rig's stores.
func (r *rig) role(ctx context.Context, name string) (*process, error) {
	return r.start(ctx, nil, r.binary, name)
}

// rival starts one of the contenders in this program.
func (r *rig) rival(ctx context.Context, name string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return r.start(ctx, nil, self, "serve", name)
}

// start starts a program on the rig's stores, with more variables than those.
func (r *rig) start(ctx context.Context, more []string, file string, args ...string) (
	*process, error) {
	cmd := exec.Command(file, args...)
	cmd.Env = append(os.Environ(),
		"DATABASE_URL="+r.stack.DatabaseURL, "VALKEY_URL="+r.stack.ValkeyURL,
		"LISTEN_ADDR=127.0.0.1:0", "METRICS_ADDR=127.0.0.1:0", "DRAIN_TIME=1s",
		"RATE_GUARD=0", // one tenant sends all that a machine can take
		"AUTH=off")     // the clients' Host is none of this machine
	cmd.Env = append(cmd.Env, more...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for this process to pass on
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", args, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", args, err)
	}
	p := &process{rig: r, cmd: cmd}
	r.procs = append(r.procs, p)
	where := make(chan string, 1)
	go func() {
		defer close(where)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var line struct{ Level, Msg, Address string }
			switch err := json.Unmarshal(lines.Bytes(), &line); {
			case err == nil && line.Msg == "started":
				where <- line.Address
			case err != nil || line.Level == "WARN" || line.Level == "ERROR":
				fmt.Fprintln(os.Stderr, lines.Text())
			}
		}
	}()
	select {
	case addr, ok := <-where:
		if !ok {
			p.stop()
			return nil, fmt.Errorf("start %s: it has ended", args)
		}
		p.addr = addr
	case <-time.After(startLimit):
		p.stop()
		return nil, fmt.Errorf("start %s: it does not say where it listens", args)
	case <-ctx.Done():
		p.stop()
		return nil, ctx.Err()
	}
	return p, nil
}

// stop ends the process at once and waits for it: an orderly end of ingest takes a second,
// and what was acknowledged is safe without one.
func (p *process) stop() {
	p.rig.procs = slices.DeleteFunc(p.rig.procs, func(other *process) bool { return other == p })
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// flagmeter are the three roles, each a process.
type flagmeter struct{ ingest, flusher, alerter *process }

// flagmeter starts the roles and waits until they accept events.
func (r *rig) flagmeter(ctx context.Context) (f flagmeter, err error) {
	if f.ingest, err = r.role(ctx, "ingest"); err != nil {
		return f, err
	}
	if f.flusher, err = r.role(ctx, "flusher"); err != nil {
		return f, err
	}
	if f.alerter, err = r.role(ctx, "alerter"); err != nil {
		return f, err
	}
	if err := f.ingest.ready(ctx); err != nil {
		return f, err
	}
	return f, r.keysAccepted(ctx)
}

// keysAccepted waits until requests with an Idempotency-Key are accepted: until the flusher has
// noted in Valkey that it reads their lines.
func (r *rig) keysAccepted(ctx context.Context) error {
	for limit := time.Now().Add(startLimit); ; time.Sleep(time.Millisecond) {
		switch noted, err := r.rdb.Exists(ctx, "fm:{0}:reads").Result(); {
		case err != nil:
			return fmt.Errorf("ask what the flusher reads: %w", err)
		case noted == 1:
			return nil
		case time.Now().After(limit):
			return errors.New("the flusher does not note what it reads")
		}
	}
}

func (f flagmeter) stop() {
	f.ingest.stop()
	f.alerter.stop()
	f.flusher.stop()
}

// ready waits until an ingest process accepts events.
func (p *process) ready(ctx context.Context) error {
	limit := time.Now().Add(startLimit)
	for {
		err := fetch(ctx, "http://"+p.addr+"/readyz")
		if err == nil || time.Now().After(limit) || ctx.Err() != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }
