package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// request makes the next request on the wire, from a connection's own source of chance.
type request func(*rand.Rand) []byte

// load is what a client sends and for how long.
type load struct {
	addr        string
	connections int
	next        request
	duration    time.Duration
	// perSecond is the rate at which requests begin, whatever the answers take; 0 is as
	// many as the connections can: each sends its next request when it has its answer.
	perSecond int
}

// outcome is what came of a load.
type outcome struct {
	requests  int
	elapsed   time.Duration
	latencies []time.Duration // ascending
}

func (o outcome) perSecond() float64 { return float64(o.requests) / o.elapsed.Seconds() }

// quantile is the latency that the given share of requests did not exceed.
func (o outcome) quantile(q float64) time.Duration {
	if len(o.latencies) == 0 {
		return 0
	}
	return o.latencies[min(len(o.latencies)-1, int(q*float64(len(o.latencies))))]
}

// drive runs a load. Any answer but 200 is an error.
func drive(ctx context.Context, l load) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, l.duration)
	defer cancel()
	var (
		running   sync.WaitGroup
		mu        sync.Mutex
		result    outcome
		failed    error
		tickets   atomic.Int64
		start     = time.Now()
		interval  time.Duration
		nextStart = func() (time.Time, bool) { return time.Now(), true }
	)
	if l.perSecond > 0 {
		// A request that was due while all connections were busy counts from then on.
		interval = time.Second / time.Duration(l.perSecond)
		nextStart = func() (time.Time, bool) {
			due := start.Add(time.Duration(tickets.Add(1)) * interval)
			if wait := time.Until(due); wait > 0 {
				select {
				case <-time.After(wait):
					return time.Now(), true // how late the client wakes up is not the server's fault
				case <-ctx.Done():
					return due, false
				}
			}
			return due, true
		}
	}
	for i := range l.connections {
		running.Go(func() {
			latencies, err := converse(ctx, l, rand.New(rand.NewPCG(1, uint64(i))), nextStart)
			mu.Lock()
			defer mu.Unlock()
			result.latencies = append(result.latencies, latencies...)
			if err != nil && failed == nil {
				failed = err
				cancel()
			}
		})
	}
	running.Wait()
	result.elapsed = time.Since(start)
	result.requests = len(result.latencies)
	slices.Sort(result.latencies)
	return result, failed
}

// converse sends requests on one connection until ctx is done.
func converse(ctx context.Context, l load, chance *rand.Rand, next func() (time.Time, bool)) (latencies []time.Duration, err error) {
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	answers := bufio.NewReaderSize(conn, 4<<10)
	for ctx.Err() == nil {
		due, ok := next()
		if !ok {
			break
		}
		if _, err := conn.Write(l.next(chance)); err != nil {
			return latencies, fmt.Errorf("send: %w", err)
		}
		if err := readAnswer(answers); err != nil {
			return latencies, err
		}
		latencies = append(latencies, time.Since(due))
	}
	return latencies, nil
}

// readAnswer reads an HTTP/1.1 answer with a Content-Length and throws it away.
func readAnswer(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answer is %q", line)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read header: %w", err)
		}
		if len(line) == 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return fmt.Errorf("read Content-Length: %w", err)
			}
		}
	}
	if length < 0 {
		return errors.New("answer has no Content-Length")
	}
	if _, err := r.Discard(length); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	return nil
}
