package budget

import (
	"errors"
	"math"
	"sync"
	"testing"
)

func TestOneHolderHasHalf(t *testing.T) {
	b := New(80 << 20)
	greedy, other := b.Share(Holder{Tenant: "greedy"}), b.Share(Holder{Tenant: "other"})
	if err := greedy.Take(40 << 20); err != nil {
		t.Fatal(err)
	}
	again := b.Share(Holder{Tenant: "greedy"})
	if err := again.Take(1); !errors.Is(err, ErrFull) {
		t.Errorf("more than half for one holder: %v", err)
	}
	if err := other.Take(20 << 20); err != nil {
		t.Errorf("another one finds nothing: %v", err)
	}
	greedy.Give()
	greedy.Give()
	if err := again.Take(1); err != nil {
		t.Errorf("nothing was given back: %v", err)
	}
	again.Give()
	other.Give()
	if b.Taken() != 0 || len(b.by) != 0 {
		t.Errorf("%d bytes are left behind, of %d holders", b.Taken(), len(b.by))
	}
}

func TestTheLastEighthIsForSmallRequests(t *testing.T) {
	b := New(80 << 20)
	large, smaller := b.Share(Holder{}), b.Share(Holder{Tenant: "a"})
	if err := large.Take(70 << 20); err != nil {
		t.Fatal(err)
	}
	if err := large.Take(1); !errors.Is(err, ErrFull) {
		t.Errorf("a large request uses the last eighth: %v", err)
	}
	if err := smaller.Take(Least); err != nil {
		t.Errorf("a small request is refused: %v", err)
	}
	if err := smaller.Take(small); !errors.Is(err, ErrFull) {
		t.Errorf("a request that has grown uses the last eighth: %v", err)
	}
}

func TestTheDefaultIsAQuarterOfTheMemory(t *testing.T) {
	for limit, want := range map[int64]int64{math.MaxInt64: unlimited, 1 << 30: 256 << 20, 144 << 20: floor} {
		if got := Default(limit); got != want {
			t.Errorf("with %d bytes it is %d, want %d", limit, got, want)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	b := New(1 << 20)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				s := b.Share(Holder{Tenant: "a"})
				_ = s.Take(100 << 10) // some are refused
				if taken := b.Taken(); taken > b.Total() {
					t.Errorf("%d of %d bytes are taken", taken, b.Total())
				}
				s.Give()
			}
		})
	}
	all.Wait()
	if b.Taken() != 0 {
		t.Errorf("%d bytes are left behind", b.Taken())
	}
}
