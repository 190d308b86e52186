package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// observed measures what observing costs: two ingest processes beside one flusher and one
// alerter take turns of a second, one as it is and one with OBSERVE=false. In the turns of the
// first, all roles are scraped as Prometheus does, but every second and not every 15 s.
// The flusher counts in the turns of both: that is a few hundred microseconds a second.
func observed(ctx context.Context, r *rig) error {
	const connections, pairs, slice = 256, 13, time.Second
	if err := r.empty(ctx); err != nil {
		return err
	}
	f, err := r.flagmeter(ctx)
	if err != nil {
		return err
	}
	defer f.stop()
	blind, err := r.start(ctx, []string{"OBSERVE=false"}, r.binary, "ingest")
	if err != nil {
		return err
	}
	defer blind.stop()
	if err := blind.ready(ctx); err != nil {
		return err
	}

	measure := func(p *process) (float64, error) {
		o, err := drive(ctx, load{addr: p.addr, connections: connections, next: post(1, 1), duration: slice})
		return o.perSecond(), err
	}
	seen := func() (rate float64, err error) {
		scraping, stop := context.WithCancel(ctx)
		var scrapers sync.WaitGroup
		var scrapeErr error
		scrapers.Go(func() { scrapeErr = scrapeAll(scraping, f) })
		rate, err = measure(f.ingest)
		stop()
		scrapers.Wait()
		if err == nil {
			err = scrapeErr
		}
		return rate, err
	}
	unseen := func() (float64, error) { return measure(blind) }

	var on, ratios []float64
	for pair := range pairs + 1 {
		// Each goes first every other time, so that neither gains from a machine that slows down.
		first, second := seen, unseen
		if pair%2 == 1 {
			first, second = unseen, seen
		}
		a, err := first()
		if err != nil {
			return err
		}
		b, err := second()
		if err != nil {
			return err
		}
		if pair%2 == 1 {
			a, b = b, a
		}
		if pair == 0 { // warms up
			continue
		}
		on, ratios = append(on, a), append(ratios, a/b)
	}
	share := median(ratios)
	r.report.judge("POST /events, 256 connections, requests counted, timed, numbered and logged, all roles scraped every second",
		perSecond(median(on)), fmt.Sprintf("%.1f %% of the same with OBSERVE=false", 100*share), "≥ 97 %", share >= 0.97)
	return nil
}

// scrapeAll scrapes all roles at once and every second until ctx is done.
func scrapeAll(ctx context.Context, f flagmeter) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		for _, p := range []*process{f.ingest, f.flusher, f.alerter} {
			if err := scrape(ctx, p); err != nil && ctx.Err() == nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// scrape asks a role for its metrics as Prometheus does, with native histograms.
func scrape(ctx context.Context, p *process) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/metrics", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
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
