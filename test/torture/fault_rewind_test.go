package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// everything is every part: a loss of writes touches all.
var everything = []string{ingest, flusher, alerts, valkey, postgres, front, back}

// rewindFaults let Valkey come back with older data, or none. With clients that wait until
// their events are in Postgres nothing may be lost; under load, only what was acknowledged
// after the last flush.
func rewindFaults() []fault {
	const old, empty = true, false
	return []fault{
		{name: "rewind-old-file", touches: everything, long: true,
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				return r.rewind(ctx, random, old, quiet)
			}},
		{name: "rewind-empty", touches: everything, long: true,
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				return r.rewind(ctx, random, empty, quiet)
			}},
		{name: "rewind-old-file-under-load", touches: everything, alone: true,
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				return r.rewind(ctx, random, old, underLoad)
			}},
		{name: "rewind-empty-under-load", touches: everything, alone: true,
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				return r.rewind(ctx, random, empty, underLoad)
			}},
		// Valkey's clock jumps ahead by more than a day: the numbers of the groups expire. What
		// such a jump does to event ids is in docs/RELIABILITY.md.
		{name: "valkey-forgets-groups", touches: everything, long: true, inject: forgetGroups},
		// The batches of a flusher whose clock was ahead say nothing about when they were made.
		{name: "rewind-after-clock-flusher-ahead", touches: everything, alone: true,
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				err := r.stepClocks(ctx, r.flushers, clockSteps[0].step,
					func() error { return r.awaitFlushes(ctx, 4) })
				if err != nil {
					return err
				}
				return r.rewind(ctx, random, empty, quiet)
			}},
	}
}

// quiet waits until everything acknowledged is in Postgres and keeps the clients from
// sending more; underLoad does not care.
func quiet(ctx context.Context, r *rig) (goOn func(), err error) {
	goOn = r.load.hold()
	valkey := scripts.New(r.rdb, 1)
	err = waittest.Wait(ctx, waittest.Patience, "all events to reach Postgres", func() bool {
		left := 0
		err := valkey.EachRaw(ctx, func(groups []string) { left += len(groups) })
		return err == nil && left == 0
	})
	return goOn, err
}

func underLoad(ctx context.Context, r *rig) (goOn func(), err error) {
	var last uuid.UUID
	err = r.db.GetContext(ctx, &last,
		"SELECT id FROM flushes WHERE kind = 'raw' ORDER BY seq DESC, id DESC LIMIT 1")
	if err != nil {
		return func() {}, fmt.Errorf("look for the last flush: %w", err)
	}
	// sealed then: what was acknowledged before is in it, or was flushed earlier
	seconds, nanos := last.Time().UnixTime()
	flushed := time.Unix(seconds, nanos)
	// An acknowledgement that was on its way when Valkey died is noted a moment later.
	return func() {
		r.t.Logf("Valkey loses its writes %.2f s after the last flush", time.Since(flushed).Seconds())
		r.journal.lose(flushed, time.Now().Add(time.Second))
	}, nil
}

// rewind puts Valkey's data of some seconds ago back, or none. The loss must be noticed and
// reported, and recovered from without help.
func (r *rig) rewind(ctx context.Context, random *rand.Rand, old bool, prepare func(context.Context,
	*rig) (func(), error)) error {
	data, copied, err := r.copyData(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(copied)
	pause(ctx, random, 2*time.Second, 4*time.Second)
	rewinds, err := r.rewinds(ctx)
	if err != nil {
		return err
	}
	goOn, err := prepare(ctx, r)
	if err != nil {
		goOn()
		return err
	}
	r.valkeys.Valkey.Kill()
	goOn() // after this, no more is acknowledged until Valkey is back
	commands := [][]string{{"rm", "-r", data}}
	if old {
		commands = append(commands, []string{"cp", "-a", copied, data})
	}
	for _, command := range commands {
		if err := run(ctx, command...); err != nil {
			return err
		}
	}
	if err := r.valkeys.Valkey.Restart(ctx); err != nil {
		return err
	}
	return r.awaitRecovery(ctx, rewinds)
}

// forgetGroups lets the numbers of the groups expire. Ingest must take that for a loss of
// writes: a group sent again would be applied again.
func forgetGroups(ctx context.Context, r *rig, _ *rand.Rand) error {
	rewinds, err := r.rewinds(ctx)
	if err != nil {
		return err
	}
	groups, err := r.rdb.Keys(ctx, "fm:{0}:group:*").Result()
	if err != nil {
		return fmt.Errorf("look for groups: %w", err)
	}
	if len(groups) == 0 {
		return errors.New("there is no group")
	}
	if err := r.rdb.Del(ctx, groups...).Err(); err != nil {
		return fmt.Errorf("forget groups: %w", err)
	}
	return r.awaitRecovery(ctx, rewinds)
}

// awaitRecovery waits for a recovery more than there were, and checks that it is reported.
func (r *rig) awaitRecovery(ctx context.Context, before int) error {
	err := waittest.Wait(ctx, waittest.Patience, "the loss to be recovered from", func() bool {
		n, err := r.rewinds(ctx)
		return err == nil && n > before
	})
	if err != nil {
		return err
	}
	return r.checkAlarm(ctx)
}

// copyData copies Valkey's append-only files while they are written to.
func (r *rig) copyData(ctx context.Context) (data, copied string, err error) {
	setting, err := r.rdb.ConfigGet(ctx, "dir").Result()
	if err != nil {
		return "", "", fmt.Errorf("ask Valkey for its directory: %w", err)
	}
	data, copied = filepath.Join(setting["dir"], "appendonlydir"),
		filepath.Join(r.dir, "appendonlydir-copy")
	// Files are replaced when they are rewritten, which is begun at 64 MB.
	if err := r.rdb.ConfigSet(ctx, "auto-aof-rewrite-percentage", "0").Err(); err != nil {
		return "", "", fmt.Errorf("keep Valkey from rewriting its file: %w", err)
	}
	if err := waittest.Wait(ctx, waittest.Patience, "Valkey to have rewritten its file", func() bool {
		n, err := r.infoNumber(ctx, "aof_rewrite_in_progress")
		return err == nil && n == 0
	}); err != nil {
		return "", "", err
	}
	return data, copied, run(ctx, "cp", "-a", data, copied)
}

func run(ctx context.Context, command ...string) error {
	if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command[0], err, out)
	}
	return nil
}

// rewinds is how many recoveries are in the ledger.
func (r *rig) rewinds(ctx context.Context) (n int, err error) {
	err = r.db.GetContext(ctx, &n, "SELECT count(*) FROM flushes WHERE kind = 'rewind'")
	return n, err
}

// checkAlarm expects that a flusher counts a loss and has logged what it means, with the id
// of the marker under which the last recovery stands in the ledger, and that both
// flushers say that it is over.
func (r *rig) checkAlarm(ctx context.Context) error {
	var marker string
	if err := r.db.GetContext(ctx, &marker,
		"SELECT id FROM flushes WHERE kind = 'rewind' ORDER BY seq DESC LIMIT 1"); err != nil {
		return fmt.Errorf("look for the recovery in the ledger: %w", err)
	}
	logged := false
	for _, p := range r.flushers {
		for line := range bytes.Lines(p.output()) {
			if !bytes.Contains(line, []byte("VALKEY HAS LOST WRITES")) ||
				!bytes.Contains(line, []byte(marker)) {
				continue
			}
			logged = true
			n, err := metric(ctx, p, "flagmeter_flusher_rewinds_total")
			if err != nil {
				return err
			}
			if n < 1 {
				return fmt.Errorf("%s has logged a loss and counts none", p.name)
			}
			if !bytes.Contains(line, []byte(`"level":"ERROR"`)) {
				return fmt.Errorf("the loss is no error in the log: %s", line)
			}
		}
	}
	if !logged {
		return fmt.Errorf("no flusher has logged loss %s", marker)
	}
	return waittest.Wait(ctx, waittest.Patience, "flagmeter_flusher_rewound to be 0 again",
		func() bool {
			for _, p := range r.flushers {
				if n, err := metric(ctx, p, "flagmeter_flusher_rewound"); err != nil || n != 0 {
					return false
				}
			}
			return true
		})
}
