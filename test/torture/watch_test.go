package torture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// watchedTenant has one client only, which knows its usage at every moment.
const watchedTenant = "watched"

// watcher posts events of one tenant, one after another, and compares live usage with what
// it has had acknowledged: all the time, also while faults are at work.
type watcher struct {
	rig  *rig
	used map[meter.Day]tokens // by the first day of the period
	// compared is how many answers were not stale and of a period that it knows.
	compared int
	stale    int
}

// tokens is what usage is at least and at most: a retry that is refused leaves open whether
// it was counted.
type tokens struct{ least, most int64 }

// watch runs until sending ends.
func (w *watcher) watch(sending, trying context.Context) {
	repeated := false
	c := w.rig.load.client(time.Second, &repeated)
	report := reporter(w.rig.t.Errorf)
	for n := int64(1); sending.Err() == nil; n++ {
		w.rig.load.posting.RLock()
		w.post(trying, c, n, &repeated)
		w.compare(trying, report)
		w.rig.load.posting.RUnlock()
		select {
		case <-sending.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// post posts event n and notes what it means for usage.
func (w *watcher) post(ctx context.Context, c *client.Client, n int64, repeated *bool) {
	now := time.Now()
	e := client.Event{Tenant: watchedTenant, Feature: "chat", Tokens: n, ID: fmt.Sprint("watched-", n),
		Timestamp: now}
	events := []client.Event{e}
	*repeated = false
	_, err := c.Post(ctx, events)
	period := quotaPeriod(now)
	used := w.used[period]
	var refused *client.Problem
	switch {
	case err == nil:
		w.rig.journal.ack(events)
		used.least, used.most = used.least+n, used.most+n
	case errors.As(err, &refused) && w.rig.load.badClock(refused) && !*repeated:
	case errors.As(err, &refused) && refused.Status < 500 && !w.rig.load.badClock(refused):
		w.rig.t.Errorf("the watcher was refused: %v", err)
	default:
		w.rig.journal.giveUp(events)
		used.most += n
	}
	w.used[period] = used
}

// compare asks both ingests. After a loss that has no cure nothing can be said.
func (w *watcher) compare(ctx context.Context, report func(string, ...any)) {
	for _, p := range w.rig.ingests {
		u, err := w.rig.ask(ctx, p, watchedTenant)
		if err != nil {
			continue
		}
		used, known := w.used[quotaPeriod(u.PeriodStart)]
		switch {
		case u.Stale:
			w.stale++
		case !known || w.rig.journal.lossy():
		case u.TotalTokens < used.least || u.TotalTokens > used.most:
			report("%.1f s after the start %s says that %d tokens are used, acknowledged are %d to %d",
				time.Since(w.rig.journal.start).Seconds(), p.name, u.TotalTokens, used.least, used.most)
		default:
			w.compared++
		}
	}
}
