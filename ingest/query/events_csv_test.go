package query

import (
	"testing"
	"time"
)

// A caller who is bound to a tenant sees ten seconds that are over, whoever else sends.
func TestCompleteToTellsNothingOfOthers(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 17, 123456789, time.UTC)
	step := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		oldest time.Time
		want   time.Time // to a bound caller
	}{
		{"nothing waits", time.Time{}, step},
		{"something has come this moment", now, step},
		{"something waits for a flush", now.Add(-2 * time.Second), step},
		{"Postgres is away", now.Add(-time.Minute), step.Add(-50 * time.Second)},
	} {
		if got := completeTo(c.oldest, now, true); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		want := c.oldest
		if want.IsZero() {
			want = now
		}
		if got := completeTo(c.oldest, now, false); !got.Equal(want) {
			t.Errorf("%s, to an operator: %v, want %v", c.name, got, want)
		}
	}
}
