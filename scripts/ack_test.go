package scripts

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

func TestAckDeletesRawAndKeepsSumsAsSettled(t *testing.T) {
	r := newRig(t)
	r.add(chat(5))
	sealed := r.seal(now + 1)
	raw, sums := ids(sealed.Raw), ids(sealed.Sums)
	if n := r.ack(raw, sums); n != 2 {
		t.Errorf("%d batches were waiting, want 2", n)
	}
	if got := r.lines(raw[0]); len(got) > 0 {
		t.Errorf("the raw batch still holds %q", got)
	}
	if got := r.sum(sums[0]).Days[DayKey{"acme", today, "chat"}]; got != (meter.Amounts{5, 1}) {
		t.Errorf("the sum holds %+v", got)
	}
	if got := r.tokens("acme"); got != 5 {
		t.Errorf("a reader with an old view sees %d tokens, want 5", got)
	}
	after := r.seal(now + 1)
	if len(after.Raw)+len(after.Sums) > 0 || !slices.Equal(after.Settled, sums) {
		t.Errorf("next seal: %+v, want nothing but settled %q", after, sums)
	}
}

func TestAckIsHarmlessWhenRepeated(t *testing.T) {
	r := newRig(t)
	r.add(chat(5))
	sealed := r.seal(now + 1)
	r.ack(ids(sealed.Raw), ids(sealed.Sums))
	before := r.dump()
	if n := r.ack(ids(sealed.Raw), ids(sealed.Sums)); n != 0 {
		t.Errorf("%d batches were waiting, want none", n)
	}
	r.same(before)
}

func TestAckOfADroppedBatchDoesNotBringItBack(t *testing.T) {
	r := newRig(t)
	r.add(chat(5))
	sealed := r.seal(now + 1)
	r.ack(ids(sealed.Raw), ids(sealed.Sums))
	if err := r.Drop(t.Context(), 0, ids(sealed.Sums)); err != nil {
		t.Fatal(err)
	}
	before := r.dump()
	if n := r.ack(ids(sealed.Raw), ids(sealed.Sums)); n != 0 {
		t.Errorf("%d batches were waiting, want none", n)
	}
	r.same(before)
}

func TestAckLeavesOtherBatchesAlone(t *testing.T) {
	r := newRig(t)
	r.add(minutesAgo(1), minutesAgo(2))
	sealed := r.seal(now)
	if n := r.ack(nil, ids(sealed.Sums[:1])); n != 1 {
		t.Errorf("%d batches were waiting, want 1", n)
	}
	after := r.seal(now)
	if !slices.Equal(after.Raw, sealed.Raw) || !slices.Equal(after.Sums, sealed.Sums[1:]) {
		t.Errorf("next seal: %+v, want the rest of %+v", after, sealed)
	}
}

func TestAckOfNothing(t *testing.T) {
	r := newRig(t)
	if n := r.ack(nil, nil); n != 0 {
		t.Errorf("%d batches were waiting", n)
	}
}

func TestDropForgetsSettledSums(t *testing.T) {
	r := newRig(t)
	r.add(minutesAgo(1), minutesAgo(2))
	sealed := r.seal(now)
	r.ack(ids(sealed.Raw), ids(sealed.Sums))
	if err := r.Drop(t.Context(), 0, ids(sealed.Sums[:1])); err != nil {
		t.Fatal(err)
	}
	if got := r.tokens("acme"); got != 1 {
		t.Errorf("%d tokens, want those of the other sum", got)
	}
	if err := r.Drop(t.Context(), 0, ids(sealed.Sums)); err != nil { // one of them again
		t.Fatal(err)
	}
	left := slices.Sorted(maps.Keys(r.dump()))
	if want := []string{"fm:{0}:accepted", "fm:{0}:changed", "fm:{0}:dropped", "fm:{0}:flushed", "fm:{0}:group:c", "fm:{0}:order", "fm:{0}:reads", "fm:{0}:seq"}; !slices.Equal(left, want) {
		t.Errorf("left are %q, want %q", left, want)
	}
	if got := r.seal(now); len(got.Settled) > 0 {
		t.Errorf("settled are %q", got.Settled)
	}
}

func TestDropOfNothing(t *testing.T) {
	r := newRig(t)
	if err := r.Drop(t.Context(), 0, nil); err != nil {
		t.Error(err)
	}
}

func TestSumBatchesAreThoseWaitingAndThoseSettled(t *testing.T) {
	r := newRig(t)
	r.add(minutesAgo(1), minutesAgo(2), minutesAgo(3))
	sums := r.seal(now).Sums
	r.ack(nil, ids(sums[:2]))
	want := SumBatches{Waiting: sums[2:], Settled: sums[:2]}
	if got, err := r.SumBatches(t.Context(), 0); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if err := r.Drop(t.Context(), 0, []string{sums[1].ID, "unknown"}); err != nil {
		t.Fatal(err)
	}
	want.Settled, want.DroppedThrough = sums[:1], sums[1].Number
	if got, err := r.SumBatches(t.Context(), 0); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("after a drop: got %+v, %v; want %+v", got, err, want)
	}
	if err := r.Drop(t.Context(), 0, []string{sums[0].ID}); err != nil { // a smaller one
		t.Fatal(err)
	}
	want.Settled = []Batch{}
	if got, err := r.SumBatches(t.Context(), 0); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("after both: got %+v, %v; want %+v", got, err, want)
	}
}
