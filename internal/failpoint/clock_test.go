//go:build failpoint

package failpoint

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestStepMovesTimeOfDayOnly sets the clock as the torture tests do.
func TestStepMovesTimeOfDayOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	t.Setenv("FLAGMETER_CLOCK", file)
	for _, step := range []time.Duration{-3600 * time.Second, 3600 * time.Second, 40 * 24 * time.Hour} {
		before, real := Now(), time.Now()
		if off := before.Sub(real).Abs(); off > time.Second {
			t.Fatalf("without a file the clock is off by %s", off)
		}
		if err := os.WriteFile(file, []byte(step.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		after := Now()
		if elapsed := after.Sub(before); elapsed < 0 || elapsed > 10*time.Second {
			t.Errorf("%s: %s have elapsed", step, elapsed)
		}
		if off := after.Round(0).Sub(real.Round(0)) - step; off < 0 || off > 10*time.Second {
			t.Errorf("%s: the time of day is off by %s more", step, off)
		}
		seconds, _ := uuid.Must(uuid.NewV7()).Time().UnixTime()
		if off := time.Unix(seconds, 0).Sub(after.Round(0)); step > 0 && off.Abs() > 10*time.Second {
			t.Errorf("%s: ids are off by %s", step, off)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}
