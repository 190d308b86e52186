package scripts

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
)

// refused fails the test unless ingest, seal and usage all say that writes are lost, and
// nothing but the marker is written.
func (r *rig) refused() {
	r.Helper()
	before := r.dump()
	if _, _, err := r.Ingest(r.Context(), 0, r.group(chat(1)), window, Query{}); !errors.Is(err, ErrRewound) || valkey.Transient(err) {
		r.Errorf("ingest: %v, want ErrRewound, which is not transient", err)
	}
	if _, err := r.Seal(r.Context(), 0, now+1, 8); !errors.Is(err, ErrRewound) {
		r.Errorf("seal: %v, want ErrRewound", err)
	}
	q := Query{Tenants: []meter.TenantDays{{Tenant: "acme", From: today, To: today + 1}}}
	if _, err := r.Totals(r.Context(), 0, q); !errors.Is(err, ErrRewound) {
		r.Errorf("tokens: %v, want ErrRewound", err)
	}
	if _, err := r.Features(r.Context(), 0, q); !errors.Is(err, ErrRewound) {
		r.Errorf("features: %v, want ErrRewound", err)
	}
	if before["fm:{0}:rewound"] == "" {
		before["fm:{0}:rewound"] = r.dump()["fm:{0}:rewound"]
	}
	r.same(before)
	if marker := before["fm:{0}:rewound"]; marker == "" {
		r.Error("there is no marker")
	}
}

func TestAValkeyBehindAWitnessAcceptsNothing(t *testing.T) {
	for name, witness := range map[string]func(r *rig){
		"the ledger's hand-out": func(r *rig) { r.Known(0, 100) },
		"an own hand-out": func(r *rig) {
			r.seal(now)
			r.client.Del(r.Context(), seqKey(0))
		},
		"an own drop": func(r *rig) {
			r.seal(now)
			if err := r.Drop(r.Context(), 0, nil); err != nil {
				r.Fatal(err)
			}
			r.client.Set(r.Context(), seqKey(0), 1, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.add(chat(1))
			witness(r)
			r.refused()
		})
	}
}

func TestACommitterMissesItsLastGroup(t *testing.T) {
	r := newRig(t)
	r.add(chat(1))
	last := r.group(chat(1))
	out := r.try(last)
	next := r.group(chat(1))
	next.Known, next.KnownAt = last.Number, out.Position
	r.ingest(next)

	lost := r.group(chat(1))
	lost.Known, lost.KnownAt = next.Number+1, out.Position // more than Valkey knows of
	if _, _, err := r.Ingest(t.Context(), 0, lost, window, Query{}); !errors.Is(err, ErrRewound) {
		t.Errorf("got %v, want ErrRewound", err)
	}
	r.refused()
}

func TestAGroupFromBeforeARecoveryIsNotMissed(t *testing.T) {
	r := newRig(t)
	r.client.Set(t.Context(), seqKey(0), int64(ledger.Epoch), 0)
	g := r.group(chat(1))
	g.Known, g.KnownAt = 500, 0
	r.ingest(g)
	g = r.group(chat(1))
	g.Known, g.KnownAt = 500, 1
	if _, _, err := r.Ingest(t.Context(), 0, g, window, Query{}); !errors.Is(err, ErrRewound) {
		t.Errorf("a group that was applied after it: got %v, want ErrRewound", err)
	}
}

// The call before the loss was noticed may have been applied: its caller must hear so.
func TestAGroupThatIsAppliedStaysApplied(t *testing.T) {
	r := newRig(t)
	g := r.group(chat(1))
	r.ingest(g)
	r.client.Set(t.Context(), rewoundKey(0), "x 0 because", 0)
	q := Query{Tenants: []meter.TenantDays{{Tenant: "acme", From: today, To: today + 1}}}
	if out, tokens, err := r.Ingest(t.Context(), 0, g, window, q); err != nil || tokens != nil || out.Overflow >= 0 {
		t.Errorf("got %+v, %v, %v; want it applied, with unknown usage", out, tokens, err)
	}
}

func TestUsageRefusesAViewFromBeforeARecovery(t *testing.T) {
	r := newRig(t)
	r.client.Set(t.Context(), seqKey(0), int64(ledger.Epoch)+7, 0)
	for seq, want := range map[ledger.Position]error{7: ErrRewound, 8: nil, ledger.Epoch + 7: nil, ledger.Epoch + 8: ErrRewound} {
		q := Query{Position: seq, Tenants: []meter.TenantDays{{Tenant: "acme", From: today, To: today + 1}}}
		if _, err := r.Totals(t.Context(), 0, q); !errors.Is(err, want) {
			t.Errorf("a view of %d: %v, want %v", seq, err, want)
		}
	}
}

func TestSealAllWithoutALossDoesNothing(t *testing.T) {
	r := newRig(t)
	r.add(chat(1))
	before := r.dump()
	if _, ok, err := r.SealAll(t.Context(), 0); ok || err != nil {
		t.Errorf("got %t, %v", ok, err)
	}
	if err := r.Resume(t.Context(), 0, "x", 99); err != nil {
		t.Error(err)
	}
	if err := r.Remember(t.Context(), 0, "x", window, []EventID{{"acme", "id", AnyContent}}); err != nil {
		t.Error(err)
	}
	r.same(before)
}

func TestSealAllLeavesNothingOpen(t *testing.T) {
	r := newRig(t)
	const minutes = sealAtOnce + 5
	var counters []Counter
	for i := range int64(minutes) {
		counters = append(counters, minutesAgo(-i)) // ahead: none is over
	}
	r.add(append(counters, lateChat(9, 1))...)
	r.ingest(r.fullGroup())
	r.add(chat(1))
	r.Known(0, 7)
	r.refused()
	first, ok, err := r.SealAll(t.Context(), 0)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if len(first.Raw) != 2 || len(first.Sums) != minutes+1 || first.HighWater != 7 || first.Position != 0 ||
		uuid.Validate(first.ID) != nil || !strings.Contains(first.Reason, "seq is 0 and was 7") {
		t.Errorf("%d raw, %d sums of %+v", len(first.Raw), len(first.Sums), Rewound{ID: first.ID, HighWater: first.HighWater, Position: first.Position, Reason: first.Reason})
	}
	dump := r.dump()
	for _, gone := range []string{"fm:{0}:raw", "fm:{0}:rawbytes", "fm:{0}:late", "fm:{0}:minutes"} {
		if dump[gone] != "" {
			t.Errorf("%s is still there: %.100s", gone, dump[gone])
		}
	}
	second, ok, err := r.SealAll(t.Context(), 0)
	if !ok || err != nil || !slices.Equal(second.Raw, first.Raw) || !slices.Equal(second.Sums, first.Sums) || second.ID != first.ID {
		t.Errorf("repeated: %t, %v, %d raw, %d sums; want the same", ok, err, len(second.Raw), len(second.Sums))
	}
	r.same(dump)

	if err := r.Resume(t.Context(), 0, uuid.NewString(), 1); err != nil { // another loss's
		t.Fatal(err)
	}
	r.refused()
	if err := r.Resume(t.Context(), 0, first.ID, ledger.Epoch+7); err != nil {
		t.Fatal(err)
	}
	r.add(chat(1))
	if got := r.seal(now + 1); got.Position != ledger.Epoch+8 {
		t.Errorf("first hand-out after it is %d, want %d", got.Position, ledger.Epoch+8)
	}
}

func TestRememberedIDsAreDuplicatesWhateverTheyHold(t *testing.T) {
	r := newRig(t)
	g := r.group(chat(1))
	g.IDs = []EventID{{"acme", "known", "digest"}}
	r.ingest(g)
	r.Known(0, 7)
	r.refused()
	loss, _, err := r.SealAll(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := r.Remember(t.Context(), 0, loss.ID, window, []EventID{{"acme", "known", AnyContent}, {"acme", "forgotten", AnyContent}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Resume(t.Context(), 0, loss.ID, 8); err != nil {
		t.Fatal(err)
	}
	g = r.group(chat(1))
	g.IDs = []EventID{{"acme", "known", "other"}, {"acme", "forgotten", "any"}}
	if got, want := r.try(g).Seen, []Seen{{Index: 0, Same: false}, {Index: 1, Same: true}}; !slices.Equal(got, want) {
		t.Errorf("seen %v, want %v: the digest of a known id stays", got, want)
	}
}
