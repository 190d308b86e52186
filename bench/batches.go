package main

import (
	"context"
	"fmt"
)

const (
	batchSize        = 1000
	batchConnections = 8
	keyedAcme        = "key, one tenant"
)

// batches measures requests of 1,000 events with both ways to be idempotent, and without:
// how many events are acknowledged per second while the flusher works.
func batches(ctx context.Context, r *rig) error {
	w := usual(batchSize)
	refused, err := r.refused(ctx, w.with(oneKey))
	if err != nil {
		return err
	}
	all := []contender{
		{ours, ours, w}, {plain, ours, w.with(noIDs)}, {plainAcme, ours, w.with(noIDs).of(1)},
	}
	if refused == "" {
		all = append(all, contender{keyed, ours, w.with(oneKey)},
			contender{keyedAcme, ours, w.with(oneKey).of(1)})
	}
	got, err := r.contest(ctx, contest{batchConnections, rounds, all})
	if err != nil {
		return err
	}
	for _, row := range []struct {
		name, work   string
		share, least float64 // aims: of the same without ids, and a second
	}{
		{ours, "batches of 1,000 events of 200 tenants, each with an id, flush running", 0.6, 0},
		{keyed, "… with one key for the batch", 0.9, 0},
		{plain, "… without ids", 0, 300_000},
		{keyedAcme, "… of one tenant, with one key for the batch", 0, 400_000},
		{plainAcme, "… of one tenant, without ids", 0, 0},
	} {
		s, offered := got[row.name]
		measured, ratio, met := fmt.Sprintf("not offered (answer %s)", refused), "", offered
		if offered {
			acked := batchSize * s.acked
			measured = perSecond(acked) + answersIn(s.answer)
			if row.name != plain {
				ratio = percent(s.ratio[plain]) + " of 200 tenants without ids"
			}
			met = s.ratio[plain] >= row.share && acked >= row.least
		}
		line := r.report.judge(row.work, measured, ratio, batchAim(row.share, row.least), met)
		if offered {
			line.driven(s.shares)
		}
	}
	return nil
}

// batchAim is the text of an aim.
func batchAim(share, least float64) string {
	switch {
	case share > 0:
		return "≥ " + percent(share)
	case least > 0:
		return "≥ " + perSecond(least)
	}
	return ""
}

// refused is the status with which FlagMeter refuses a workload; empty if it takes it.
func (r *rig) refused(ctx context.Context, w workload) (string, error) {
	if err := r.empty(ctx, customers); err != nil {
		return "", err
	}
	p, err := r.role(ctx, "ingest")
	if err != nil {
		return "", err
	}
	defer p.stop()
	if err := p.ready(ctx); err != nil {
		return "", err
	}
	return p.refusal(w)
}
