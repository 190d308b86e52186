package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

func diskFaults() []fault {
	return []fault{
		// Valkey ends when it cannot write what it would acknowledge.
		{name: "valkey-disk-full", touches: []string{valkey}, alone: true,
			prepare: func(p *prepare) { p.valkeyDir = p.mount("24m") },
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				return r.fillDisk(ctx, "mount-24m", func() error {
					return waittest.Wait(ctx, waittest.Patience, "Valkey to end", func() bool {
						return r.rdb.Ping(ctx).Err() != nil
					})
				}, func() error { return r.valkeys.Valkey.Restart(ctx) })
			}},
		{name: "postgres-disk-full", touches: []string{postgres}, alone: true,
			prepare: func(p *prepare) { p.postgresDir = p.mount("160m") },
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				failures := r.journal.failures()
				err := r.fillDisk(ctx, "mount-160m", func() error {
					return r.awaitNoFlushes(ctx, 3*time.Second)
				}, func() error { return r.postgreses.Postgres.Restart(ctx) })
				if n := r.journal.failures() - failures; err == nil && n > 0 {
					err = fmt.Errorf("%d requests failed while the disk of Postgres was full", n)
				}
				return err
			}},
	}
}

// fillDisk fills a mount but for 256 KiB, waits until that has had its effect, makes room
// again and lets the store recover.
func (r *rig) fillDisk(ctx context.Context, mount string, effect, recover func() error) error {
	ballast := filepath.Join(r.dir, mount, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	_, err = io.Copy(f, zeros{})
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("fill the disk: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	if err := errors.Join(f.Truncate(info.Size()-256<<10), f.Close()); err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	had := effect()
	if err := os.Remove(ballast); err != nil {
		return fmt.Errorf("make room on the disk: %w", err)
	}
	return errors.Join(had, recover())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// awaitNoFlushes waits until no batch has reached Postgres for some time.
func (r *rig) awaitNoFlushes(ctx context.Context, silent time.Duration) error {
	last, since := -1, time.Now()
	return waittest.Wait(ctx, waittest.Patience, "Postgres to take nothing", func() bool {
		if n, err := r.ledger(ctx); err == nil && n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > silent
	})
}

// prepare collects what a scenario wants of its rig.
type prepare struct {
	options
	t     *testing.T
	guard *guard
}

// mount mounts a tmpfs of a size below the guard's directory and returns its path. It skips
// the test where that is not permitted.
func (p *prepare) mount(size string) string {
	p.t.Helper()
	dir := filepath.Join(p.guard.dir, "mount-"+size)
	if err := os.Mkdir(dir, 0o711); err != nil {
		p.t.Fatal(err)
	}
	out, err := exec.CommandContext(p.t.Context(), "mount", "-t", "tmpfs", "-o",
		"size="+size+",mode=0711", "tmpfs", dir).CombinedOutput()
	if err != nil {
		p.t.Skipf("this scenario needs a small file system of its own, and none can be mounted: %v: %s",
			err, out)
	}
	p.t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			p.t.Errorf("unmount %s: %v: %s", dir, err, out)
		}
	})
	return dir
}
