package intake

import (
	"bytes"
	"compress/gzip"
	"runtime"
	"testing"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// TestABombTakesNoMoreThanABody unpacks 64 MiB: what is allocated for them is a body of the size that is allowed.
func TestABombTakesNoMoreThanABody(t *testing.T) {
	var bomb, body bytes.Buffer
	zipper := gzip.NewWriter(&bomb)
	if _, err := zipper.Write(bytes.Repeat([]byte(" "), 64<<20)); err != nil {
		t.Fatal(err)
	}
	if err := zipper.Close(); err != nil {
		t.Fatal(err)
	}
	allocated := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	share := budget.New(64 << 20).Share(budget.Holder{})
	defer share.Give()
	got := allocated(func() {
		if err := readPacked(&body, &bomb, &share); err == nil || problem.Of(err).Status != 413 {
			t.Errorf("the bomb is answered %v", err)
		}
	})
	// A buffer doubles as it grows, so all of its sizes together are twice the last one; the
	// race detector makes each of them twice.
	if most := uint64(9 * meter.MaxBody); got > most {
		t.Errorf("a bomb took %d bytes of memory, more than %d", got, most)
	}
}
