package main

import (
	"context"
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
	all := []contender{
		{ours, ours, w}, {plain, ours, w.with(noIDs)}, {plainAcme, ours, w.with(noIDs).of(1)},
		{keyed, ours, w.with(oneKey)}, {keyedAcme, ours, w.with(oneKey).of(1)},
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
		s, ratio := got[row.name], ""
		if row.name != plain {
			ratio = percent(s.ratio[plain]) + " of 200 tenants without ids"
		}
		acked := batchSize * s.acked
		r.report.judge(row.work, perSecond(acked)+answersIn(s.answer), ratio,
			batchAim(row.share, row.least), s.ratio[plain] >= row.share && acked >= row.least).
			driven(s.shares)
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
