package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestRowsPerMinute(t *testing.T) {
	for _, c := range []struct{ events, counters, want float64 }{
		{1, 100, 1},        // one event touches one counter
		{2, 2, 1.5},        // the second hits the same one every other time
		{60_000, 100, 100}, // all of them
		{600, 1e9, 600},    // never the same one
	} {
		if got := rowsPerMinute(c.events, c.counters); math.Abs(got-c.want) > 0.01 {
			t.Errorf("%v events on %v counters: %v rows, want %v", c.events, c.counters, got, c.want)
		}
	}
}

func TestFits(t *testing.T) {
	for bytes, want := range map[float64]string{
		28e9: "40 GB", 28.1e9: "80 GB", 112e9: "160 GB", 113e9: "**none of 40, 80, 160 GB**",
	} {
		if got := fits(bytes); got != want {
			t.Errorf("%v bytes fit on %s, want %s", bytes, got, want)
		}
	}
}

func TestReplaceBetween(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("a<old>b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceBetween(file, "<", ">", "new"); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(file); string(text) != "a<new>b" {
		t.Errorf("the page is %q", text)
	}
	if err := replaceBetween(file, "[", "]", "x"); err == nil {
		t.Error("a page without the markers was accepted")
	}
}
