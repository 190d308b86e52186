package ingest

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// BenchmarkPostWithKey is what an API key adds to the price of POST /events with one event:
// processor time of the server and of clients that do next to nothing, over 64 connections.
// Turns with and without a key alternate, and the median of their ratios is what counts:
//
//	go test ./ingest -run '^$' -bench PostWithKey -benchtime 300x
func BenchmarkPostWithKey(b *testing.B) {
	open := newAPI(b, stacktest.New(b))
	closed := newAPI(b, stacktest.New(b), func(s *setup) { s.auth = true })
	closed.key = closed.newKey("ingest", "acme")
	turn := func(a *api) time.Duration {
		const clients, requests = 64, 1280
		event, key := acme(1, ""), ""
		if a.key != "" {
			key = "Authorization: Bearer " + a.key + "\r\n"
		}
		request := fmt.Appendf(nil,
			"POST /events HTTP/1.1\r\nHost: x\r\n%sContent-Type: application/json\r\n"+
				"Content-Length: %d\r\n\r\n%s", key, len(event), event)
		var all sync.WaitGroup
		start := processorTime(b)
		for range clients {
			all.Go(func() {
				if err := repeat(strings.TrimPrefix(a.url, "http://"), request, requests/clients); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
		return (processorTime(b) - start) / requests
	}
	turn(open) // warm up
	turn(closed)
	var without, with, ratios []float64
	for first := true; b.Loop(); first = !first { // neither gains by being the second
		var off, on time.Duration
		if first {
			off, on = turn(open), turn(closed)
		} else {
			on, off = turn(closed), turn(open)
		}
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

// repeat sends a request again and again over one connection, each behind an answer of 200.
func repeat(address string, request []byte, times int) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	answer := make([]byte, 4096)
	for range times {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		n := 0
		for n == 0 || answer[n-1] != '}' {
			more, err := conn.Read(answer[n:])
			if err != nil {
				return err
			}
			n += more
		}
		if !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200")) {
			return fmt.Errorf("answered %s", answer[:n])
		}
	}
	return nil
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
