package scripts

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// grown is a look that must not fail.
func (r *rig) grown(before ChangeCursor) ChangesAndBatches {
	r.Helper()
	g, err := r.ChangesAndBatches(r.Context(), 0, 0, before)
	if err != nil {
		r.Fatal(err)
	}
	return g
}

// parts are those of tenants beside known.
func (r *rig) partsOf(known []string, tenants ...string) [][]BatchUsage {
	r.Helper()
	parts, err := r.Parts(r.Context(), 0, 0, known, tenants, 4)
	if err != nil {
		r.Fatal(err)
	}
	return parts
}

func TestPartsTellHashesApart(t *testing.T) {
	r := newRig(t)
	waiting, settled := scatter(r)
	yesterday := chat(32)
	yesterday.Day--
	r.add(yesterday, counter("acme", "image", 64), counter("zed", "chat", big))
	open := []BatchUsage{
		{Minute: 0, Day: today, Used: meter.Amounts{meter.Tokens: 4}},
		{Minute: now - 1, Day: today, Used: meter.Amounts{meter.Tokens: 2}},
		{Minute: now, Day: today, Used: meter.Amounts{meter.Tokens: 65}},
		{Minute: now, Day: today - 1, Used: meter.Amounts{meter.Tokens: 32}},
	}
	sums := []BatchUsage{{Batch: waiting, Day: today, Used: meter.Amounts{meter.Tokens: 8}}, {Batch: settled, Day: today, Used: meter.Amounts{meter.Tokens: 16}}}
	got := r.partsOf(nil, "zed", "nobody", "acme")
	if want := []BatchUsage{{Minute: now, Day: today, Used: meter.Amounts{meter.Tokens: big}}}; !slices.Equal(got[0], want) || got[1] != nil {
		t.Errorf("zed and nobody: %+v", got[:2])
	}
	if want := slices.Concat(open, sums); !slices.Equal(got[2], want) {
		t.Errorf("acme: got  %+v\nwant %+v", got[2], want)
	}
	if got := r.partsOf([]string{settled, waiting}, "acme")[0]; !slices.Equal(got, open) {
		t.Errorf("beside the batches: got  %+v\nwant %+v", got, open)
	}
}

func TestPartsOfMoreTenantsThanOneCallTakes(t *testing.T) {
	r := newRig(t)
	var counters []Counter
	var tenants []string
	for i := range 2*partsTenants(4) + 3 {
		tenants = append(tenants, fmt.Sprint("tenant-", i))
		if i%3 > 0 {
			counters = append(counters, counter(tenants[i], "chat", int64(i)))
		}
	}
	r.add(counters...)
	for i, parts := range r.partsOf(nil, tenants...) {
		want := []BatchUsage{{Minute: now, Day: today, Used: meter.Amounts{meter.Tokens: int64(i)}}}
		if i%3 == 0 {
			want = nil
		}
		if !slices.Equal(parts, want) {
			t.Errorf("%s: %+v, want %+v", tenants[i], parts, want)
		}
	}
}

func TestGrownNamesTenantsAndBatches(t *testing.T) {
	r := newRig(t)
	first := r.grown(0)
	if len(first.Tenants)+len(first.Batches) > 0 || first.All {
		t.Fatalf("at the start: %+v", first)
	}
	r.add(chat(1), lateChat(9, 2))
	sealed := r.seal(now + 1)
	r.add(counter("zed", "chat", 1))
	second := r.grown(first.Next)
	slices.Sort(second.Tenants)
	if !slices.Equal(second.Tenants, []string{"acme", "zed"}) || second.All {
		t.Errorf("after two events: %+v", second)
	}
	want := []SumBatch{{ID: sealed.Sums[0].ID}, {ID: sealed.Sums[1].ID, Minute: now}}
	for i := range second.Batches {
		second.Batches[i].number = 0
	}
	if !slices.Equal(second.Batches, want) {
		t.Errorf("batches %+v, want %+v", second.Batches, want)
	}
	// One is settled: it is still held, and still the first that was sealed.
	r.ack(nil, []string{sealed.Sums[0].ID})
	third := r.grown(second.Next)
	if len(third.Tenants) > 0 || len(third.Batches) != 2 || third.Batches[0].ID != sealed.Sums[0].ID {
		t.Errorf("after nothing but an ack: %+v", third)
	}
	if lost := r.grown(third.Next + 1); !lost.All {
		t.Errorf("a look that Valkey does not know is accepted: %+v", lost)
	}
}

func TestPartsAndGrownAreRefusedWhenValkeyHasLostWrites(t *testing.T) {
	r := newRig(t)
	r.add(chat(1))
	for _, seq := range []ledger.Position{1, -ledger.Epoch} { // 1 was never reached; a recovery has happened since
		if _, err := r.ChangesAndBatches(t.Context(), 0, seq, 0); !errors.Is(err, ErrRewound) {
			t.Errorf("grown since seq %d: %v", seq, err)
		}
		if _, err := r.Parts(t.Context(), 0, seq, nil, []string{"acme"}, 4); !errors.Is(err, ErrRewound) {
			t.Errorf("parts since seq %d: %v", seq, err)
		}
	}
}
