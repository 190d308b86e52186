package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	observedSlice = time.Second
	observedPairs = 7
	// observedAnew is how often the processes are started: two of the same program may differ by
	// some percent for as long as they run.
	observedAnew = 2
)

// observed measures what observing costs: two ingest processes take turns, one as it is, which
// is scraped as Prometheus does, but every second and not every 15 s, and one with
// OBSERVE=false. No flusher works beside: its turns would fall into one slice or the other, and
// what it observes itself is the same for both. So ingest has a larger share of the machine
// than in use, and its observing too.
//
// All processors are busy, so the processor time of a request, of the client and of Valkey too,
// bounds how many there can be; and unlike their number in a second it depends little on who
// else uses the machine. The verdict is about that.
func observed(ctx context.Context, r *rig) error {
	// Valkey's memory only grows without a flusher, so it would rewrite its file in some slices.
	if err := r.rewriteAt(ctx, "0"); err != nil {
		return err
	}
	var p pairs
	for range observedAnew {
		if err := r.observePairs(ctx, &p); err != nil {
			return err
		}
	}
	if err := r.rewriteAt(ctx, "100"); err != nil {
		return err
	}
	share := median(p.cost)
	r.report.judge("POST /events, 256 connections, no flush: requests counted, timed, numbered "+
		"and logged, a scrape every second", perSecond(median(p.rate)),
		fmt.Sprintf("%.1f %% of what is possible with OBSERVE=false by processor time, "+
			"%.0f %% measured with this noise", 100*share, 100*median(p.measured)),
		"≥ 97 %", share >= 0.97).driven(p.shares)
	return nil
}

// pairs are, for each pair of neighbouring slices, the requests per second of the ingest that
// observes; their ratio to those of the other; and the ratio of what a request of the other
// costs to what one of its own does.
type pairs struct {
	rate, measured, cost []float64
	shares               shares // of the last that observes
}

// slice is what came of a turn.
type slice struct {
	perSecond, cpuSeconds float64
	shares                shares
}

// observePairs measures with processes of their own.
func (r *rig) observePairs(ctx context.Context, all *pairs) error {
	if err := r.empty(ctx, customers); err != nil {
		return err
	}
	start := func(more ...string) (*process, error) {
		p, err := r.start(ctx, more, r.binary, "ingest")
		if err != nil {
			return nil, err
		}
		return p, p.ready(ctx)
	}
	sighted, err := start()
	if err != nil {
		return err
	}
	defer sighted.stop()
	blind, err := start("OBSERVE=false")
	if err != nil {
		return err
	}
	defer blind.stop()

	unseen := func() (slice, error) { return observedTurn(ctx, blind) }
	seen := func() (s slice, err error) {
		var scraping sync.WaitGroup
		var scrapeErr error
		scraping.Go(func() { scrapeErr = sighted.scrape(ctx) })
		s, err = observedTurn(ctx, sighted)
		scraping.Wait()
		return s, errors.Join(err, scrapeErr)
	}
	for pair := range observedPairs + 1 {
		// Each goes first every other time, so that neither gains from a machine that slows down.
		order := []func() (slice, error){seen, unseen}
		if pair%2 == 1 {
			slices.Reverse(order)
		}
		var got [2]slice
		for i, turn := range order {
			if got[i], err = turn(); err != nil {
				return err
			}
		}
		if pair%2 == 1 {
			slices.Reverse(got[:])
		}
		if pair > 0 { // the first warms up
			all.rate = append(all.rate, got[0].perSecond)
			all.measured = append(all.measured, got[0].perSecond/got[1].perSecond)
			all.shares = got[0].shares
			all.cost = append(all.cost, got[1].cpuSeconds/got[0].cpuSeconds)
		}
	}
	return nil
}

// observedTurn drives a process and tells the processor time that a request takes this program,
// its servers and the stores together.
func observedTurn(ctx context.Context, p *process) (slice, error) {
	before, err := used(os.Getpid())
	if err != nil {
		return slice{}, err
	}
	o, err := p.drive(ctx, load{connections: 256, open: usual(1).open, duration: observedSlice})
	if err != nil {
		return slice{}, err
	}
	after, err := used(os.Getpid())
	if err != nil {
		return slice{}, err
	}
	each := (after.cpu - before.cpu).Seconds() / float64(o.requests)
	return slice{o.perSecond(), each, o.shares}, nil
}

// scrape asks for metrics as Prometheus does, with native histograms.
func (p *process) scrape(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/metrics", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.google.protobuf;"+
		"proto=io.prometheus.client.MetricFamily;encoding=delimited")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("scrape: %s", resp.Status)
	}
	return nil
}
