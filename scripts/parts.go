package scripts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// BatchUsage is what one hash of counters has of a tenant on a day.
type BatchUsage struct {
	// Batch is the id of the sum batch; empty while the hash is open.
	Batch string
	// Minute is the unix minute of the hash, 0 if it is of late events, or OneRequest.
	Minute int64
	Day    meter.Day
	// Used is the total over all features. Amounts without a total are 0.
	Used meter.Amounts
}

// SumBatch is a sum batch that Valkey holds.
type SumBatch struct {
	ID string
	// Minute is the unix minute from which it was made, or 0 if it was made from late events.
	// OneRequest marks a batch made from one large request: it never was an open hash.
	Minute int64
	number float64
}

// OneRequest stands for the minute of a batch that Stage made.
const OneRequest = -1

// ChangesAndBatches is what has happened in a shard since a cursor.
type ChangesAndBatches struct {
	// Tenants have acknowledged events since that cursor. All is set if any tenant may have.
	Tenants []string
	All     bool
	// Next is the cursor to pass next time.
	Next ChangeCursor
	// Batches are all sum batches that Valkey held at that moment, in the order of sealing.
	Batches []SumBatch
}

// ChangesAndBatches is ChangesSince together with the sum batches of the same moment. reached is
// the largest position of the shard that the caller's view of Postgres contains. ErrRewound reports
// that the batches would not match that view.
func (v *Valkey) ChangesAndBatches(
	ctx context.Context, shard int, reached ledger.Position, before ChangeCursor,
) (ChangesAndBatches, error) {
	keys := []string{changedKey(shard), lookKey(shard), sealedSumKey(shard), settledKey(shard),
		seqKey(shard), rewoundKey(shard)}
	reply, err := v.changed(ctx, keys, int64(before), sumPrefix(shard), reached)
	if err != nil {
		return ChangesAndBatches{}, fmt.Errorf("list changes and sum batches: %w", err)
	}
	tenants, next, batches := parseChanged(reply)
	g := ChangesAndBatches{Tenants: tenants, All: next < before, Next: next}
	for b := range slices.Chunk(batches, 3) {
		order, err := strconv.ParseFloat(b[1], 64)
		if err != nil {
			return ChangesAndBatches{}, fmt.Errorf("list changes and sum batches: %w", err)
		}
		minute, err := parseMinute(b[2])
		if err != nil {
			return ChangesAndBatches{}, fmt.Errorf("list changes and sum batches: %w", err)
		}
		g.Batches = append(g.Batches, SumBatch{ID: b[0], Minute: minute, number: order})
	}
	slices.SortFunc(g.Batches, func(a, b SumBatch) int { return cmp.Compare(a.number, b.number) })
	return g, nil
}

// partsWork is how many hashes times tenants one call of parts.lua reads: about 1 ms, during which
// Valkey answers no other client.
const partsWork = 500

// partsTenants returns how many tenants one call reads in so many hashes.
func partsTenants(hashes int) int { return max(1, partsWork/max(1, hashes)) }

// Parts lists what each tenant, by its place, has in open minutes, late events and every sum batch
// but known. hashes is their approximate number, which determines how many tenants one call reads.
// The parts of one tenant are from one moment; those of two tenants may differ. reached and
// ErrRewound are as for ChangesAndBatches.
func (v *Valkey) Parts(
	ctx context.Context, shard int, reached ledger.Position, known, tenants []string, hashes int,
) ([][]BatchUsage, error) {
	parts := make([][]BatchUsage, len(tenants))
	size := partsTenants(hashes)
	// Two at a time: Valkey works on one call while this process reads the answer to the other, and
	// can still serve other clients between them.
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for start := 0; start < len(tenants); start += size {
		end := min(start+size, len(tenants))
		group.Go(func() error {
			return v.parts(ctx, shard, reached, known, tenants[start:end], parts[start:end])
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("read unsettled usage: %w", err)
	}
	return parts, nil
}

// parts is one call of parts.lua.
func (v *Valkey) parts(
	ctx context.Context, shard int, reached ledger.Position, known, tenants []string,
	parts [][]BatchUsage,
) error {
	cmds, err := v.run(ctx, nil, partsCall(shard, reached, known, tenants))
	if err != nil {
		return err
	}
	reply, err := cmds[0].StringSlice()
	if err != nil || len(reply)%3 != 0 {
		return fmt.Errorf("a reply of %d parts: %w", len(reply), err)
	}
	for hash := range slices.Chunk(reply, 3) {
		minute, err := parseMinute(hash[1])
		if err != nil {
			return err
		}
		numbers := make([]int64, 0, 2+int(meter.NumAmounts)) // tenant, day, totals
		for text := range strings.SplitSeq(hash[2], " ") {
			number, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return err
			}
			if numbers = append(numbers, number); len(numbers) < 2+len(totalled) {
				continue
			}
			u := BatchUsage{Batch: hash[0], Minute: minute, Day: meter.Day(numbers[1])}
			for t, a := range totalled {
				u.Used[a] = numbers[2+t]
			}
			i := numbers[0] - 1
			parts[i] = append(parts[i], u)
			numbers = numbers[:0]
		}
	}
	return nil
}

func partsCall(shard int, reached ledger.Position, known, tenants []string) call {
	args := make([]any, 0, 4+len(known)+len(tenants))
	args = append(args, minutePrefix(shard), sumPrefix(shard), reached, len(known))
	for _, id := range known {
		args = append(args, id)
	}
	for _, name := range tenants {
		args = append(args, name)
	}
	return call{partsScript, unsettledKeys(shard), args}
}

func parseMinute(text string) (int64, error) {
	switch text {
	case "":
		return 0, nil
	case "0":
		return OneRequest, nil
	}
	return strconv.ParseInt(text, 10, 64)
}
