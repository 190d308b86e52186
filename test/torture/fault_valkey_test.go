package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

func valkeyFaults() []fault {
	return []fault{
		{name: "valkey-kill", touches: []string{valkey},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				r.valkeys.Valkey.Kill()
				pause(ctx, random, 0, time.Second)
				return r.valkeys.Valkey.Restart(ctx)
			}},
		{name: "valkey-restart", touches: []string{valkey},
			inject: func(ctx context.Context, r *rig, _ *rand.Rand) error {
				return r.valkeys.Valkey.Restart(ctx)
			}},
		// For longer than ingest is patient: what it gave up lies in Valkey's sockets and is
		// executed when that wakes up.
		{name: "valkey-freeze", touches: []string{valkey, front, back},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				pid, err := r.infoNumber(ctx, "process_id")
				if err != nil {
					return err
				}
				if err := syscall.Kill(int(pid), syscall.SIGSTOP); err != nil {
					return fmt.Errorf("freeze Valkey: %w", err)
				}
				pause(ctx, random, 6*time.Second, 8*time.Second)
				return syscall.Kill(int(pid), syscall.SIGCONT)
			}},
		{name: "valkey-script-flush", touches: []string{valkey},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				for range 5 {
					if err := r.rdb.ScriptFlush(ctx).Err(); err != nil {
						return fmt.Errorf("flush scripts: %w", err)
					}
					pause(ctx, random, 0, 400*time.Millisecond)
				}
				return nil
			}},
		{name: "valkey-full", touches: []string{valkey, postgres, flusher, ingest, front, back},
			inject: fillValkey},
	}
}

// fillValkey takes Postgres away and gives Valkey little memory more than it has, until
// ingest answers that it is full. With Postgres back, flushing must be enough to make ingest
// accept events again.
func fillValkey(ctx context.Context, r *rig, _ *rand.Rand) (err error) {
	used, err := r.infoNumber(ctx, "used_memory")
	if err != nil {
		return err
	}
	r.postgreses.Postgres.Kill()
	if err := r.rdb.ConfigSet(ctx, "maxmemory", strconv.FormatInt(used+1<<20, 10)).Err(); err != nil {
		return fmt.Errorf("limit the memory of Valkey: %w", err)
	}
	defer func() {
		if lift := r.rdb.ConfigSet(ctx, "maxmemory", "0").Err(); err == nil {
			err = lift
		}
	}()
	before := r.journal.fulls()
	full := waittest.Wait(ctx, waittest.Patience, "an answer that Valkey is full",
		func() bool { return r.journal.fulls() > before })
	if err := r.postgreses.Postgres.Restart(ctx); err != nil {
		return err
	}
	if full != nil {
		return full
	}
	if err := r.awaitFlushes(ctx, 2); err != nil {
		return err
	}
	return r.awaitAcks(ctx, 1)
}

// infoNumber reads a number from Valkey's INFO.
func (r *rig) infoNumber(ctx context.Context, name string) (int64, error) {
	info, err := r.rdb.Info(ctx).Result()
	if err != nil {
		return 0, fmt.Errorf("ask Valkey for %s: %w", name, err)
	}
	_, rest, _ := strings.Cut(info, name+":")
	line, _, _ := strings.Cut(rest, "\r\n")
	return strconv.ParseInt(line, 10, 64)
}
