package main

import (
	"context"
	"fmt"
)

// Contenders that run FlagMeter with another workload than the usual one.
const (
	keyed     = "key"
	plain     = "without ids"
	plainAcme = "without ids, one tenant"
)

// singles measures one event a request at 256 and 64 connections, with appendfsync always.
func singles(ctx context.Context, r *rig) error {
	w := usual(1)
	all := []contender{
		{"ceiling", "ceiling", w}, {ours, ours, w}, {"group", "group", w}, {plain, ours, w.with(noIDs)},
		{keyed, ours, w.with(oneKey)}, {plainAcme, ours, w.with(noIDs).of(1)},
		{"single", "single", w}, {"queue", "queue", w}, {"insert", "insert", w},
	}
	got, err := r.contest(ctx, contest{256, rounds, all})
	if err != nil {
		return err
	}
	r.besideCeiling(got, 256, 0.60)
	for _, other := range []struct{ name, work string }{
		{keyed, "… the id in the header Idempotency-Key"},
		{plain, "… without an id"},
		{plainAcme, "… without an id, all of one tenant"},
	} {
		s := got[other.name]
		r.report.show(other.work, perSecond(s.acked),
			percent(s.ratio[ours])+" of those with an id").driven(s.shares)
	}
	flagmeter, single := got[ours], got["single"]
	r.report.judge("… against one call of the script per event", perSecond(single.acked),
		times(flagmeter.ratio["single"])+" as fast", "≥ 2.5 ×",
		flagmeter.ratio["single"] >= 2.5).driven(single.shares)
	queue := got["queue"]
	stored := flagmeter.stored / queue.stored
	r.report.judge("… against LPUSH and a worker, events in Postgres",
		perSecond(flagmeter.stored)+" to "+perSecond(queue.stored),
		times(stored)+" as fast", "≥ 4 ×", stored >= 4).driven(queue.shares)
	insert := got["insert"]
	r.report.show("… against INSERT and upsert per request", perSecond(insert.acked),
		times(flagmeter.ratio["insert"])+" as fast").driven(insert.shares)

	got, err = r.contest(ctx, contest{64, rounds, all[:4]})
	if err != nil {
		return err
	}
	r.besideCeiling(got, 64, 0.50)
	s := got[plain]
	r.report.show("… without an id", perSecond(s.acked),
		percent(s.ratio[ours])+" of those with an id").driven(s.shares)
	return nil
}

// besideCeiling judges FlagMeter beside an empty handler, of which it must reach the given
// share, and beside one that only groups.
func (r *rig) besideCeiling(got map[string]standing, connections int, aim float64) {
	ceiling, flagmeter, group := got["ceiling"], got[ours], got["group"]
	at := fmt.Sprintf(", %d connections", connections)
	r.report.show("empty handler"+at, perSecond(ceiling.acked), "").driven(ceiling.shares)
	share := flagmeter.ratio["ceiling"]
	r.report.judge("POST /events with an id"+at+", flush running",
		perSecond(flagmeter.acked)+answersIn(flagmeter.answer), percent(share)+" of an empty handler",
		"≥ "+percent(aim), share >= aim).driven(flagmeter.shares)
	share = flagmeter.ratio["group"]
	r.report.judge("… against a handler that groups requests for one RPUSH, and does nothing else",
		perSecond(group.acked), fmt.Sprintf("%s of it, which is %s of an empty handler",
			percent(share), percent(group.ratio["ceiling"])), "≥ 85 %", share >= 0.85).driven(group.shares)
}

// everysec measures the same once more with appendfsync everysec.
func everysec(ctx context.Context, r *rig) error {
	if err := r.fsync(ctx, "everysec"); err != nil {
		return err
	}
	var all []contender
	for _, name := range []string{"ceiling", ours, "single", "queue", "insert"} {
		all = append(all, contender{name, name, usual(1)})
	}
	got, err := r.contest(ctx, contest{256, 1, all})
	if err != nil {
		return err
	}
	s := got[ours]
	r.report.show("with appendfsync everysec, 256 connections", perSecond(s.acked),
		fmt.Sprintf("%s of an empty handler, %s the single calls, %s LPUSH, %s INSERT",
			percent(s.ratio["ceiling"]), times(s.ratio["single"]), times(s.ratio["queue"]),
			times(s.ratio["insert"]))).driven(s.shares)
	return r.fsync(ctx, "always")
}
