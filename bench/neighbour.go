package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// backfilled is how many events the largest request has.
	backfilled = 10_000
	// The neighbour sends few events: its wait is measured, not what the server can take.
	neighbourPerSecond = 200
	besideLasts        = 10 * time.Second
)

// beside measures how long a tenant's single events take while clients of another tenant send
// the costliest requests that are allowed, each the next one when it has an answer.
func beside(ctx context.Context, r *rig) error {
	quiet, _, err := r.beside(ctx, 0)
	if err != nil {
		return err
	}
	r.report.show("single events, 200/s, nothing else: p99", millis(quiet.quantile(0.99)),
		"median "+millis(quiet.quantile(0.5))).driven(quiet.shares)
	for _, clients := range []int{16, 64} {
		o, counted, err := r.beside(ctx, clients)
		if err != nil {
			return fmt.Errorf("beside %d clients: %w", clients, err)
		}
		p99 := o.quantile(0.99)
		ratio := float64(p99) / float64(quiet.quantile(0.99))
		r.report.judge(fmt.Sprintf("… while %d clients send backfills of 10,000 events", clients),
			millis(p99), fmt.Sprintf("%s of that, median %s; %s of the backfills counted",
				times(ratio), millis(o.quantile(0.5)), perSecond(counted)),
			"≤ 100 ms and ≤ 10 ×", p99 <= 100*time.Millisecond && ratio <= 10).driven(o.shares)
	}
	return nil
}

// beside drives FlagMeter with single events while a number of clients send backfills, and
// returns how many events of backfills were counted a second.
func (r *rig) beside(ctx context.Context, clients int) (o outcome, counted float64, err error) {
	if err := r.empty(ctx, customers); err != nil {
		return o, 0, err
	}
	f, err := r.flagmeter(ctx)
	if err != nil {
		return o, 0, err
	}
	defer f.stop()
	single := load{connections: 16, open: usual(1).open, duration: besideLasts / 5,
		perSecond: neighbourPerSecond}
	heavy := load{connections: clients, open: openBackfill, duration: besideLasts * 3 / 2, refusable: true}
	var sent outcome
	ended := make(chan error, 1)
	go func() {
		var err error
		if clients > 0 {
			sent, err = f.ingest.drive(ctx, heavy)
		}
		ended <- err
	}()
	if _, err = f.ingest.drive(ctx, single); err == nil { // until the load is level
		single.duration = besideLasts
		o, err = f.ingest.drive(ctx, single)
	}
	if failed := <-ended; err == nil {
		err = failed
	}
	return o, backfilled * sent.perSecond(), err
}

// openBackfill composes a request with as many counters as one can have: events of 280 features
// and 33 days, with an id each.
func openBackfill(connection int) request {
	ids, now := newIDs(), time.Now().UTC()
	var body []byte
	var p prepared
	for i := range backfilled {
		body = append(body, `{"id":"`...)
		p.places = append(p.places, len(body))
		body = append(append(body, ids.whole...), `",`...)
		body = fmt.Appendf(body, "\"tenant\":%q,\"feature\":\"feature-%d\",\"tokens\":1,\"timestamp\":%q}\n",
			tenant, i%280, now.AddDate(0, 0, -(i%33)).Format(time.RFC3339))
	}
	head := fmt.Appendf(nil, "POST /events HTTP/1.1\r\nHost: bench\r\n"+
		"Content-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n", len(body))
	for i := range p.places {
		p.places[i] += len(head)
	}
	p.text = append(head, body...)
	return func() []byte {
		for _, at := range p.places {
			ids.put(p.text[at:])
		}
		return p.text
	}
}
