package torture

import (
	"context"
	"math/rand/v2"
	"time"
)

// alerterPost kills the alerter between a POST and its bookkeeping, the one place where a
// message is sent twice: when the lease of 30 s ends.
const alerterPost = "alerter-kill-step-7"

func alerterFaults() []fault {
	return []fault{
		{name: "alerter-kill", touches: []string{alerts},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				if err := r.alerter.kill(); err != nil {
					return err
				}
				pause(ctx, random, 0, time.Second)
				return r.alerter.start("")
			}},
		{name: alerterPost, touches: []string{alerts},
			inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
				if err := r.alerter.restart("alerter:7"); err != nil {
					return err
				}
				died := r.alerter.awaitEnd(ctx)
				if err := r.alerter.restart(""); err != nil {
					return err
				}
				return died
			}},
	}
}
