package meter

import (
	"math"
	"testing"
)

func TestPoolsHaveTheNamesOfTheAPI(t *testing.T) {
	want := []string{"input", "cacheRead", "cacheWrite", "cacheWrite1h", "output", "reasoning",
		"audioInput", "audioOutput", "imageInput", "imageOutput", "unspecified"}
	if len(want) != int(NumPools) {
		t.Fatalf("%d pools, want %d", NumPools, len(want))
	}
	for i, name := range want {
		p, err := ParsePool(name)
		if err != nil || p != Pool(i) || p.String() != name {
			t.Errorf("ParsePool(%q) = %d, %v; String %q", name, p, err, p)
		}
	}
	for _, wrong := range []string{"", "Input", "cache_read", "input "} {
		if p, err := ParsePool(wrong); err == nil {
			t.Errorf("ParsePool(%q) = %s", wrong, p)
		}
	}
}

func TestPoolsAddUp(t *testing.T) {
	all := Pools{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
	if n, ok := all.Total(); n != 2047 || !ok {
		t.Errorf("Total() = %d, %v", n, ok)
	}
	if n, ok := all.InputTotal(); n != 1+2+4+8+64+256 || !ok {
		t.Errorf("InputTotal() = %d, %v", n, ok)
	}
	full := Pools{Input: math.MaxInt64 - 1, Output: 1}
	if n, ok := full.Total(); n != math.MaxInt64 || !ok {
		t.Errorf("a full Total() = %d, %v", n, ok)
	}
	for _, wrong := range []Pools{
		{Input: math.MaxInt64, Output: 1},
		{Input: math.MaxInt64, CacheRead: math.MaxInt64, Output: math.MaxInt64},
		{Input: -1, Output: 1},
		{Input: 5, ImageOutput: math.MinInt64},
	} {
		if n, ok := wrong.Total(); ok {
			t.Errorf("%v adds up to %d", wrong, n)
		}
	}
	if n, ok := (Pools{Input: 7, Output: math.MaxInt64}).InputTotal(); n != 7 || !ok {
		t.Errorf("InputTotal() beside much output = %d, %v", n, ok)
	}
	if _, ok := (Pools{Input: math.MaxInt64, CacheRead: 1}).InputTotal(); ok {
		t.Error("an input beyond 2^63-1 adds up")
	}
}

func TestServiceTiers(t *testing.T) {
	for i := range NumServiceTiers {
		if got, err := ParseServiceTier(i.String()); got != i || err != nil {
			t.Errorf("ParseServiceTier(%q) = %v, %v", i, got, err)
		}
	}
	for _, wrong := range []string{"", "default", "Batch"} {
		if got, err := ParseServiceTier(wrong); err == nil {
			t.Errorf("ParseServiceTier(%q) = %v", wrong, got)
		}
	}
}
