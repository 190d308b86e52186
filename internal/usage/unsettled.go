package usage

import (
	"context"
	"errors"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// unsettled is a process's copy of all counters that one shard holds in Valkey, so that an overview
// reads again only the counters of tenants with events since then. The package comment says why it
// is exact. It belongs to one goroutine at a time; the slices of parts are immutable.
type unsettled struct {
	taken    time.Time       // an instant before the last look
	position ledger.Position // that the view of Postgres had then
	cursor   scripts.ChangeCursor
	// batches are those that the last look listed. Their contents are known and final.
	batches map[string]struct{}
	parts   map[string][]scripts.BatchUsage
}

// renew brings u up to date: it then contains every event that was acknowledged before the call.
// tenants are all of the shard. seq is the position in the caller's view of Postgres, which was
// read before. After an error u is unchanged, or empty after ErrRewound.
func (u *unsettled) renew(
	ctx context.Context, valkey *scripts.Valkey, shard int, tenants []meter.Tenant,
	seq ledger.Position, now func() time.Time,
) error {
	taken := now()
	grown, err := valkey.ChangesAndBatches(ctx, shard, seq, u.cursor)
	if err != nil {
		return u.forget(err)
	}
	// The age is judged after the look: batches that it does not list were dropped before.
	tooOld := now().Sub(u.taken) >= Grace || taken.Before(u.taken)
	if u.parts != nil && (grown.All || tooOld || seq.RecoveredSince(u.position)) {
		*u, taken = unsettled{}, now()
		if grown, err = valkey.ChangesAndBatches(ctx, shard, seq, 0); err != nil {
			return u.forget(err)
		}
	}
	names := grown.Tenants
	if u.parts == nil {
		names = make([]string, len(tenants))
		for i, t := range tenants {
			names[i] = t.Name
		}
	}
	known := make([]string, 0, len(grown.Batches))
	for _, b := range grown.Batches {
		if _, ok := u.batches[b.ID]; ok {
			known = append(known, b.ID)
		}
	}
	// Besides the new batches: the current minute, two before it, and late events.
	read, err := valkey.Parts(ctx, shard, seq, known, names, len(grown.Batches)-len(known)+4)
	if err != nil {
		return u.forget(err)
	}
	u.follow(grown.Batches)
	for i, name := range names {
		u.parts[name] = append(u.only(name, known), read[i]...)
	}
	u.taken, u.position, u.cursor = taken, seq, grown.Next
	return nil
}

// forget returns err. If Valkey was rolled back, it also drops everything.
func (u *unsettled) forget(err error) error {
	if errors.Is(err, scripts.ErrRewound) {
		*u = unsettled{}
	}
	return err
}

// follow applies to the parts what Valkey has done to their hashes: an open hash that was sealed is
// the first new batch of its minute, and batches were dropped.
func (u *unsettled) follow(batches []scripts.SumBatch) {
	sealed, dropped := map[int64]string{}, len(u.batches)
	held := make(map[string]struct{}, len(batches))
	for _, b := range batches {
		held[b.ID] = struct{}{}
		if _, ok := u.batches[b.ID]; ok {
			dropped--
		} else if _, ok := sealed[b.Minute]; !ok {
			sealed[b.Minute] = b.ID
		}
	}
	if u.batches = held; u.parts == nil {
		u.parts = map[string][]scripts.BatchUsage{}
	}
	if len(sealed) == 0 && dropped == 0 {
		return
	}
	for name, parts := range u.parts {
		var kept []scripts.BatchUsage
		for _, p := range parts {
			if p.Batch == "" {
				p.Batch = sealed[p.Minute] // empty if it is still open
			} else if _, ok := held[p.Batch]; !ok {
				continue
			}
			kept = append(kept, p)
		}
		if kept == nil {
			delete(u.parts, name)
			continue
		}
		u.parts[name] = kept
	}
}

// only returns a copy of a tenant's parts of the given batches.
func (u *unsettled) only(name string, batches []string) (kept []scripts.BatchUsage) {
	for _, p := range u.parts[name] {
		for _, id := range batches {
			if p.Batch == id {
				kept = append(kept, p)
			}
		}
	}
	return kept
}

// of returns a tenant's parts of hashes that are not in settled.
func (u *unsettled) of(name string, settled map[string]struct{}) []scripts.BatchUsage {
	parts := u.parts[name]
	for i, p := range parts {
		if _, ok := settled[p.Batch]; !ok {
			continue
		}
		kept := append([]scripts.BatchUsage{}, parts[:i]...)
		for _, p := range parts[i+1:] {
			if _, ok := settled[p.Batch]; !ok {
				kept = append(kept, p)
			}
		}
		return kept
	}
	return parts
}
