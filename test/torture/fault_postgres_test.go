package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

func postgresFaults() []fault {
	return []fault{
		{name: "postgres-kill", touches: []string{postgres},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				r.postgreses.Postgres.Kill()
				pause(ctx, random, 0, 2*time.Second)
				return r.postgreses.Postgres.Restart(ctx)
			}},
		{name: "postgres-restart", touches: []string{postgres},
			inject: func(ctx context.Context, r *rig, _ *rand.Rand) error {
				return r.postgreses.Postgres.Restart(ctx)
			}},
		{name: "postgres-away", touches: []string{postgres}, alone: true,
			inject: func(ctx context.Context, r *rig, _ *rand.Rand) error {
				return r.withoutPostgres(ctx, 60*time.Second)
			}},
		{name: "postgres-terminate-backends", touches: []string{postgres},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				for range 3 {
					_, err := r.db.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"+
						" WHERE application_name = 'flagmeter'")
					if err != nil {
						return fmt.Errorf("terminate backends: %w", err)
					}
					pause(ctx, random, 0, time.Second)
				}
				return nil
			}},
		// Postgres then ends all its backends and recovers.
		{name: "postgres-kill-backend", touches: []string{postgres},
			inject: func(ctx context.Context, r *rig, _ *rand.Rand) error {
				return r.killBackend(ctx, "application_name = 'flagmeter'")
			}},
		{name: "postgres-kill-backend-in-copy", touches: []string{flusher, valkey, postgres, back},
			inject: func(ctx context.Context, r *rig, _ *rand.Rand) error {
				return r.inCopy(ctx, func() error { return r.killBackend(ctx, copying) })
			}},
		{name: "postgres-kill-in-copy", touches: []string{flusher, valkey, postgres, back},
			inject: func(ctx context.Context, r *rig, _ *rand.Rand) error {
				return r.inCopy(ctx, func() error {
					r.postgreses.Postgres.Kill()
					return r.postgreses.Postgres.Restart(ctx)
				})
			}},
		{name: "postgres-kill-in-commit", touches: []string{flusher, valkey, postgres, back},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				return r.stopFlusher(ctx, stepAdd, func(p *process) error {
					if err := p.thaw(); err != nil {
						return err
					}
					pause(ctx, random, 20*time.Millisecond, 24*time.Millisecond) // see package failpoint
					r.postgreses.Postgres.Kill()
					return r.postgreses.Postgres.Restart(ctx)
				})
			}},
		{name: "postgres-commit-reply-lost", touches: []string{flusher, valkey, postgres, back},
			inject: loseCommitReply},
		// A backend that neither answers nor goes away: to its client, a half-open connection.
		{name: "postgres-freeze-backends", touches: []string{flusher, valkey, postgres, back}, long: true,
			inject: freezeBackends},
	}
}

// withoutPostgres takes Postgres away for some time, in which ingest must go on.
func (r *rig) withoutPostgres(ctx context.Context, away time.Duration) error {
	before, err := r.infoNumber(ctx, "used_memory")
	if err != nil {
		return err
	}
	acks, failures := r.journal.acks(), r.journal.failures()
	r.postgreses.Postgres.Kill()
	pause(ctx, rand.New(rand.NewPCG(1, 1)), away, away)
	acks, failures = r.journal.acks()-acks, r.journal.failures()-failures
	after, err := r.infoNumber(ctx, "used_memory")
	if err != nil {
		return err
	}
	r.t.Logf("Postgres away for %s: %d events acknowledged, %d requests failed,"+
		" Valkey's memory grew by %.1f MB, %d bytes an event",
		away, acks, failures, float64(after-before)/1e6, (after-before)/int64(max(acks, 1)))
	if err := r.postgreses.Postgres.Restart(ctx); err != nil {
		return err
	}
	if failures > 0 {
		return fmt.Errorf("%d requests failed while Postgres was away", failures)
	}
	return nil
}

// copying finds the backends that take a COPY.
const copying = "application_name = 'flagmeter' AND state = 'active' AND query LIKE 'COPY events%'"

// killBackend sends SIGKILL to a backend and waits until Postgres is back.
func (r *rig) killBackend(ctx context.Context, where string) error {
	var pid int
	if err := r.db.GetContext(ctx, &pid,
		"SELECT pid FROM pg_stat_activity WHERE "+where+" ORDER BY random() LIMIT 1"); err != nil {
		return fmt.Errorf("find a backend: %w", err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill a backend: %w", err)
	}
	return waittest.Wait(ctx, waittest.Patience, "Postgres to recover", func() bool {
		n, err := r.backends(ctx, fmt.Sprint("pid = ", pid))
		return err == nil && n == 0
	})
}

// inCopy runs do while a flusher's COPY crawls through the network.
func (r *rig) inCopy(ctx context.Context, do func() error) error {
	return r.stopFlusher(ctx, stepClaim, func(p *process) error {
		if err := r.back.postgres.harm(requests("bandwidth", `"rate":2`)); err != nil { // KB/s
			return err
		}
		if err := p.thaw(); err != nil {
			return err
		}
		err := waittest.Wait(ctx, waittest.Patience, "a COPY", func() bool {
			n, err := r.backends(ctx, copying)
			return err == nil && n > 0
		})
		if err == nil {
			err = do()
		}
		return errors.Join(err, r.back.postgres.heal())
	})
}

// loseCommitReply lets Postgres commit a transaction of a flusher, which never learns it. The
// next run must find its batches in the ledger.
func loseCommitReply(ctx context.Context, r *rig, _ *rand.Rand) error {
	err := r.stopFlusher(ctx, stepAdd, func(p *process) error {
		batches, err := r.ledger(ctx)
		if err != nil {
			return err
		}
		if err := r.back.postgres.harm(replies("timeout", `"timeout":1000`)); err != nil {
			return err
		}
		if err := p.thaw(); err != nil {
			return err
		}
		err = waittest.Wait(ctx, waittest.Patience, "the commit", func() bool {
			n, err := r.ledger(ctx)
			return err == nil && n > batches
		})
		time.Sleep(1100 * time.Millisecond) // until the connection is closed
		return errors.Join(err, r.back.postgres.heal())
	})
	if err != nil {
		return err
	}
	return waittest.Wait(ctx, waittest.Patience, "a flusher to find the batches in the ledger",
		func() bool { return r.ledgerHits(ctx) > 0 })
}

// ledgerHits is how many batches the flushers have found in the ledger since they were started.
func (r *rig) ledgerHits(ctx context.Context) float64 {
	var hits float64
	for _, p := range r.flushers {
		n, err := metric(ctx, p, "flagmeter_flusher_ledger_hits_total")
		if err == nil {
			hits += n
		}
	}
	return hits
}

// freezeBackends freezes the idle backends of all roles. The flushers must get over it before
// they thaw.
func freezeBackends(ctx context.Context, r *rig, _ *rand.Rand) error {
	var pids []int
	err := r.db.SelectContext(ctx, &pids,
		"SELECT pid FROM pg_stat_activity WHERE application_name = 'flagmeter' AND state = 'idle'")
	if err != nil {
		return fmt.Errorf("find backends: %w", err)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return fmt.Errorf("freeze a backend: %w", err)
		}
	}
	flushing := r.awaitFlushes(ctx, 3)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGCONT) // it may have been closed meanwhile
	}
	return flushing
}
