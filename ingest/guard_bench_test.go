package ingest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// BenchmarkPostWithKey is what an API key adds to the price of POST /events with one event:
// processor time of the process, without a network, 64 requests at a time. Turns with and
// without a key alternate, and the median of their ratios is what counts:
//
//	go test ./ingest -run '^$' -bench PostWithKey -benchtime 20x
func BenchmarkPostWithKey(b *testing.B) {
	open := newAPI(b, stacktest.New(b))
	closed := newAPI(b, stacktest.New(b), func(s *setup) { s.auth = true })
	closed.key = closed.newKey("ingest", "acme")
	turn := func(a *api) time.Duration {
		const clients, requests = 64, 6400
		handler, authorization := a.server.Handler(), []string{"Bearer " + a.key}
		var all sync.WaitGroup
		start := processorTime(b)
		for range clients {
			all.Go(func() {
				for range requests / clients {
					r := httptest.NewRequest("POST", "/events", strings.NewReader(acme(1, "")))
					r.Header.Set("Content-Type", jsonType)
					if a.key != "" {
						r.Header["Authorization"] = authorization
					}
					w := httptest.NewRecorder()
					if handler.ServeHTTP(w, r); w.Code != http.StatusOK {
						panic(fmt.Sprint(w.Code, w.Body))
					}
				}
			})
		}
		all.Wait()
		return (processorTime(b) - start) / requests
	}
	turn(open) // warm up
	turn(closed)
	var without, with, ratios []float64
	for b.Loop() {
		off, on := turn(open), turn(closed)
		without, with = append(without, float64(off)), append(with, float64(on))
		ratios = append(ratios, float64(on)/float64(off))
	}
	median := func(all []float64) float64 {
		slices.Sort(all)
		return all[len(all)/2]
	}
	b.ReportMetric(median(without), "ns/POST-without")
	b.ReportMetric(median(with), "ns/POST-with")
	b.ReportMetric(100*(median(ratios)-1), "%more")
}

// processorTime is what this process has used.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
