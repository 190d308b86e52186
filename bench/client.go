package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// request makes the next request on the wire. The bytes are those of one connection and may
// be changed by its next request.
type request func() []byte

// load is what a client sends and for how long.
type load struct {
	connections int
	open        func(connection int) request
	duration    time.Duration
	// perSecond is the rate at which requests begin, whatever the answers take; 0 is as
	// many as the connections can: each sends its next request when it has its answer.
	perSecond int
	// refusable is whether an answer of 429 or 503 is no error: the server may refuse more
	// than it can take.
	refusable bool
}

// outcome is what came of a load.
type outcome struct {
	requests  int // without those that were refused
	elapsed   time.Duration
	latencies []time.Duration // ascending
	shares    shares
}

func (o outcome) perSecond() float64 { return float64(o.requests) / o.elapsed.Seconds() }

// quantile is the latency that the given share of requests did not exceed.
func (o outcome) quantile(q float64) time.Duration {
	if len(o.latencies) == 0 {
		return 0
	}
	return o.latencies[min(len(o.latencies)-1, int(q*float64(len(o.latencies))))]
}

// drive runs a load against a process. Any answer but 200 is an error, and so is one that
// takes an event for the repetition of another.
func (p *process) drive(ctx context.Context, l load) (outcome, error) {
	next := make([]request, l.connections)
	for i := range next {
		next[i] = l.open(i)
	}
	runtime.GC() // or what is left of composing is collected in the server's time
	server, err := p.processorTime()
	if err != nil {
		return outcome{}, err
	}
	client, err := ownProcessorTime()
	if err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.duration)
	defer cancel()
	var (
		running sync.WaitGroup
		mu      sync.Mutex
		result  outcome
		failed  error
		start   = time.Now()
		due     = l.pace(ctx, start)
	)
	for i := range l.connections {
		running.Go(func() {
			latencies, err := l.converse(ctx, p.addr, next[i], due)
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
	if failed != nil {
		return outcome{}, failed
	}
	clientNow, err := ownProcessorTime()
	if err != nil {
		return outcome{}, err
	}
	serverNow, err := p.processorTime()
	if err != nil {
		return outcome{}, err
	}
	result.shares = shares{
		client: (clientNow - client).Seconds() / result.elapsed.Seconds(),
		server: (serverNow - server).Seconds() / result.elapsed.Seconds(),
	}
	result.requests = len(result.latencies)
	slices.Sort(result.latencies)
	return result, nil
}

// pace says when a request begins, and waits for that; false is the end of the load.
func (l load) pace(ctx context.Context, start time.Time) func() (time.Time, bool) {
	if l.perSecond == 0 {
		return func() (time.Time, bool) { return time.Now(), true }
	}
	var tickets atomic.Int64
	interval := time.Second / time.Duration(l.perSecond)
	return func() (time.Time, bool) {
		due := start.Add(time.Duration(tickets.Add(1)) * interval)
		if wait := time.Until(due); wait > 0 {
			select {
			case <-time.After(wait):
				return time.Now(), true // how late the client wakes up is not the server's fault
			case <-ctx.Done():
				return due, false
			}
		}
		return due, true // it was due while all connections were busy, and counts from then on
	}
}

// converse sends requests on one connection until ctx is done, and one at least.
func (l load) converse(ctx context.Context, addr string, next request, due func() (time.Time, bool)) (
	latencies []time.Duration, err error) {
	var conn net.Conn
	connect := func() (err error) {
		if conn, err = net.Dial("tcp", addr); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		return nil
	}
	if err := connect(); err != nil {
		return nil, err
	}
	defer func() { conn.Close() }()
	answers := bufio.NewReaderSize(conn, 32<<10)
	for {
		began, ok := due()
		if !ok {
			return latencies, nil
		}
		if _, err := conn.Write(next()); err != nil {
			return latencies, fmt.Errorf("send: %w", err)
		}
		switch err := readCounted(answers); {
		case err == nil:
			latencies = append(latencies, time.Since(began))
		case !l.refusable || !errors.Is(err, errRefused):
			return latencies, err
		default: // a server that has not read all of the body closes the connection
			conn.Close()
			if err := connect(); err != nil {
				return latencies, err
			}
			answers.Reset(conn)
		}
		if ctx.Err() != nil {
			return latencies, nil
		}
	}
}
