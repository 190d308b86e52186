package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

func ingestFaults() []fault {
	return []fault{
		{name: "ingest-kill", touches: []string{ingest},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				p := r.ingests[random.IntN(2)]
				if err := p.kill(); err != nil {
					return err
				}
				pause(ctx, random, 0, 500*time.Millisecond)
				if err := p.start(""); err != nil {
					return err
				}
				return r.awaitReady(ctx, p)
			}},
		{name: "ingest-deploy", touches: []string{ingest, valkey, front}, inject: deploy},
		{name: "ingest-start-without-postgres", touches: []string{ingest, postgres, valkey},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				r.postgreses.Postgres.Kill()
				p := r.ingests[random.IntN(2)]
				if err := p.restart(""); err != nil {
					return err
				}
				started := r.awaitReady(ctx, p) // ready means that events are accepted
				if err := r.postgreses.Postgres.Restart(ctx); err != nil {
					return err
				}
				return started
			}},
	}
}

// deploy replaces one ingest after the other. SIGTERM comes without notice; a new process gets
// requests when it is ready.
func deploy(ctx context.Context, r *rig, _ *rand.Rand) error {
	before := r.journal.failures()
	for _, p := range r.ingests {
		if err := p.terminate(); err != nil {
			return err
		}
		r.load.spread.remove(p.addr)
		err := errors.Join(p.start(""), r.awaitReady(ctx, p))
		r.load.spread.add(p.addr)
		if err != nil {
			return err
		}
	}
	if n := r.journal.failures() - before; r.alone && n > 0 {
		return fmt.Errorf("%d requests failed during a deploy", n)
	}
	return nil
}
