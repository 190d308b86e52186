package ledger_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// id is the n-th batch of these tests.
func id(n int) string { return fmt.Sprintf("0198f3c2-7a4e-7cc1-9b7e-%012d", n) }

func settle(t *testing.T, env *stacktest.Env, n int, kind string, tenants ...string) {
	t.Helper()
	enter(t, env, ledger.Entry{ID: id(n), Kind: kind, Position: 1, Rows: 1, Tokens: 1,
		Tenants: tenants})
}

func enter(t *testing.T, env *stacktest.Env, e ledger.Entry) {
	t.Helper()
	if entered, err := ledger.Enter(t.Context(), env.DB, e); err != nil || !entered {
		t.Fatalf("%+v: entered %t, %v", e, entered, err)
	}
}

func TestAnEntryIsMadeOnce(t *testing.T) {
	env := stacktest.New(t)
	e := ledger.Entry{ID: id(1), Shard: 2, Kind: ledger.Sum, Position: 7, Minutes: &[2]int64{5, 9}}
	enter(t, env, e)
	e.Position = 8
	if entered, err := ledger.Enter(t.Context(), env.DB, e); err != nil || entered {
		t.Errorf("the same id again: entered %t, %v", entered, err)
	}
	if p, ok, err := ledger.PositionOf(t.Context(), env.DB, id(1)); p != 7 || !ok || err != nil {
		t.Errorf("its position is %d, %t, %v, want 7", p, ok, err)
	}
	if _, ok, err := ledger.PositionOf(t.Context(), env.DB, id(2)); ok || err != nil {
		t.Errorf("an entry that was not made: %t, %v", ok, err)
	}
	ends, err := ledger.Ends(t.Context(), env.DB, 4)
	if want := []ledger.Position{0, 0, 7, 0}; err != nil || !slices.Equal(ends, want) {
		t.Errorf("the ends are %v, %v, want %v", ends, err, want)
	}
}

func TestPositionsTellRecoveries(t *testing.T) {
	p := ledger.Position(41)
	if p.RecoveredSince(40) || !p.NextEpoch().RecoveredSince(p) ||
		!(p.NextEpoch() + 3).RecoveredSince(p) {
		t.Error("a hand-out is taken for a recovery, or a recovery for a hand-out")
	}
}

// TestSettledIsTenMinutesBeforeTheLastDrainedHandOut takes the earlier of two clocks: the
// flusher's, which made the id, and Postgres'.
func TestSettledIsTenMinutesBeforeTheLastDrainedHandOut(t *testing.T) {
	env := stacktest.New(t)
	if _, ok, err := ledger.Settled(t.Context(), env.DB, 0); ok || err != nil {
		t.Errorf("of an empty ledger: %t, %v", ok, err)
	}
	committed := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	for i, made := range []time.Time{committed.Add(-time.Minute), committed.Add(time.Minute)} {
		e := ledger.Entry{ID: record.FirstID(made).String(), Shard: i, Kind: ledger.Sum, Position: 3,
			Drained: true}
		enter(t, env, e)
		enter(t, env, ledger.Entry{ID: id(i), Shard: i, Kind: ledger.Raw, Position: 4})
		if _, err := env.DB.Exec("UPDATE flushes SET committed_at = $1", committed); err != nil {
			t.Fatal(err)
		}
		want := committed.Add(-10 * time.Minute)
		if i == 0 {
			want = want.Add(-time.Minute)
		}
		before, ok, err := ledger.Settled(t.Context(), env.DB, i)
		if err != nil || !ok || !before.Equal(want) {
			t.Errorf("made at %s: settled before %s, %t, %v; want %s", made, before, ok, err, want)
		}
	}
}

func TestSettledBatchesAreThoseAskedForAndTheNewer(t *testing.T) {
	env := stacktest.New(t)
	if n, err := ledger.LastNumber(t.Context(), env.DB); err != nil || n != 0 {
		t.Errorf("an empty ledger ends at %d, %v", n, err)
	}
	settle(t, env, 1, ledger.Sum, "acme", "zed")
	settle(t, env, 2, ledger.Raw)
	settle(t, env, 3, ledger.Sum, "zed")
	last, err := ledger.LastNumber(t.Context(), env.DB)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, env, 4, ledger.Raw)
	settle(t, env, 5, ledger.Sum)
	for _, c := range []struct {
		name  string
		ids   []string
		after int64
		want  []string
	}{
		{"nothing", nil, math.MaxInt64, nil},
		{"newer ones", nil, last, []string{id(5)}},
		{"by id", []string{id(1), id(9)}, math.MaxInt64, []string{id(1)}},
		{"a raw batch is none", []string{id(2)}, math.MaxInt64, nil},
		{"both", []string{id(3), id(5)}, last, []string{id(3), id(5)}},
		{"all", nil, 0, []string{id(1), id(3), id(5)}},
	} {
		batches, err := ledger.SettledBatches(t.Context(), env.DB, c.ids, c.after)
		var got []string
		for _, b := range batches {
			got = append(got, b.ID)
			if b.ID == id(1) && !slices.Equal(b.Tenants, []string{"acme", "zed"}) {
				t.Errorf("%s: tenants %q", c.name, b.Tenants)
			}
		}
		slices.Sort(got)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	if _, err := ledger.SettledBatches(t.Context(), env.DB, []string{"no id"}, 0); err == nil {
		t.Error("what is no id is accepted")
	}
}
