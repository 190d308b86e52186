package flusher

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestTornTail cuts Valkey's append-only file at many offsets. What was on disk before the
// cut is counted; if an acknowledged event is lost, ingest refuses events until that is
// recovered; nothing is doubled. SEED repeats the offsets.
func TestTornTail(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	r := newRewinder(t)
	const trials = 30
	silent, lossy := 0, 0
	for trial := range trials {
		t.Run(fmt.Sprint("cut ", trial), func(t *testing.T) {
			tenant := fmt.Sprint("tenant ", trial)
			r.in(t, tenant)
			_, start := r.tail()
			type acked struct {
				id  string
				end int64 // size of the file after the acknowledgement
			}
			var events []acked
			known := map[string]bool{}
			for range 8 {
				r.mustSend(tenant, "")
				_, end := r.tail()
				for _, id := range r.inValkey() {
					if !known[id] {
						known[id] = true
						events = append(events, acked{id, end})
					}
				}
				switch rng.IntN(5) {
				case 0:
					r.flush()
				case 1:
					r.Advance(time.Minute)
				}
			}
			file, size := r.tail()
			cut := start + (size-start)*int64(trial)/trials // spread
			if trial%2 == 1 {
				cut = start + rng.Int64N(size-start+1)
			}
			r.putBack(r.dir, func() {
				if err := os.Truncate(file, cut); err != nil {
					t.Fatal(err)
				}
			})
			there := append(r.inPostgres(), r.inValkey()...)
			survived := map[string]bool{}
			for _, id := range there {
				survived[id] = true
			}
			lost := 0
			for _, e := range events {
				if !survived[e.id] {
					lost++
					if e.end <= cut {
						t.Errorf("an event acknowledged at %d is lost by a cut at %d", e.end, cut)
					}
				}
			}
			before := r.rewinds()
			accepted := 0
			if r.send(tenant, "") {
				accepted++
			}
			if lost > 0 && accepted > 0 {
				t.Errorf("%d events are lost and ingest does not know", lost)
			}
			r.flush()
			alarms := r.rewinds() - before
			if lost > 0 && alarms != 1 {
				t.Errorf("%d events are lost and there are %d alarms", lost, alarms)
			}
			if lost > 0 {
				lossy++
			} else if alarms == 0 {
				silent++
			}
			r.mustSend(tenant, "")
			r.settleAll()
			r.wantEvents(there, accepted+1)
			r.wantSame()
		})
	}
	t.Logf("%d cuts: %d lost events, %d changed nothing that matters", trials, lossy, silent)
}
