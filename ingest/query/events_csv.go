package query

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/httpd"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

const (
	// maxEventsRange is the longest time whose events are handed out at once.
	maxEventsRange = 31 * 24 * time.Hour
	// eventsPage is how many events are held in memory at a time, eventTakes about how many bytes
	// each takes.
	eventsPage = 5000
	eventTakes = 400
	// eventsQueryLimit bounds one query, eventsWriteLimit how long a client may take for its
	// answer.
	eventsQueryLimit = 10 * time.Second
	eventsWriteLimit = 30 * time.Second
)

// EventsCSV is GET /usage/:tenant/events.csv: raw events in the order of time, those that
// Postgres has. X-Complete-To names the instant such that every event acknowledged before it
// is in; events of the last second or two may be missing.
//
// It reads page by page, each in a query of its own, so that a slow client holds up no
// transaction. An answer that cannot be finished is broken off, which clients can tell from
// a whole one.
func (h *Handlers) EventsCSV(w http.ResponseWriter, r *http.Request, params httprouter.Params) error {
	end, err := takeTurn(h.exports, r)
	if err != nil {
		return err
	}
	defer end()
	give, err := h.room(r, eventsPage*eventTakes)
	if err != nil {
		return err
	}
	defer give()
	tenant, err := h.guard.TenantIn(r, params)
	if err != nil {
		return err
	}
	q := param.Parse(r, "from", "to")
	from, to := q.Range(tenant, h.backend.Now())
	if to.Sub(from) > maxEventsRange {
		q.Refuse("to", "must be at most 31 days after from")
	}
	if err := q.Err(); err != nil {
		return err
	}
	now := h.backend.Now()
	queue, err := h.backend.Valkey.Queue(r.Context()) // before the first query
	if err != nil {
		return problem.Unavailable("events cannot be read now").Because(err)
	}
	complete := completeTo(queue.Oldest, now, auth.Of(r.Context()).Tenant != "")
	pages := eventPages{h: h, tenant: tenant.Name, at: from, to: to, slice: 10 * time.Minute}
	events, err := pages.next(r.Context())
	if err != nil {
		return problem.Unavailable("events cannot be read now").Because(err)
	}
	since, err := h.eventsSince(r.Context())
	if err != nil {
		return problem.Unavailable("events cannot be read now").Because(err)
	}
	if from.Before(since) {
		return notKept(since, "events are kept from %s on: choose a later from")
	}
	w.Header().Set("X-Complete-To", complete.UTC().Format(time.RFC3339Nano))
	whole := httpd.Stream(r.Context())
	out := newTable(w, w, "events.csv", now,
		"id", "tenant", "feature", "tokens", "timestamp", "clientId")
	control := http.NewResponseController(w)
	for {
		if err := control.SetWriteDeadline(time.Now().Add(eventsWriteLimit)); err != nil {
			httpd.Logger(w, h.backend.Log).Error("events cannot be sent for as long as they take", "error", err)
			panic(http.ErrAbortHandler)
		}
		for _, e := range events {
			out.write(e.ID, tenant.Shown(), e.Feature, decimal(e.Amounts[meter.Tokens]),
				e.At.UTC().Format(time.RFC3339Nano), e.Key.String)
		}
		if out.flush() != nil || control.Flush() != nil {
			panic(http.ErrAbortHandler) // the client has gone away, or does not read
		}
		if pages.done() {
			// A day may have been dropped while it was read.
			if since, err := h.eventsSince(r.Context()); err != nil || from.Before(since) {
				panic(http.ErrAbortHandler)
			}
			whole()
			return nil
		}
		if !h.guard.StillValid(r) {
			panic(http.ErrAbortHandler)
		}
		if events, err = pages.next(r.Context()); err != nil {
			if r.Context().Err() == nil {
				httpd.Logger(w, h.backend.Log).Error("events were broken off", "tenant", tenant.Name, "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}
}

// completeTo is the instant such that every event acknowledged before it is in Postgres. oldest
// waits in Valkey still, whoever's it is; zero if nothing waits. A caller who is bound to a tenant
// must not see in it when others send: it gets ten seconds that are over, and as long as no more
// than that waits, which ones follows from the clock alone.
func completeTo(oldest, now time.Time, bound bool) time.Time {
	const step = 10 * time.Second
	if bound {
		now = now.Add(-step).Truncate(step)
		if !oldest.IsZero() {
			oldest = oldest.Truncate(step)
		}
	}
	if oldest.IsZero() || now.Before(oldest) && bound {
		return now
	}
	return oldest
}

// eventsSince is from when on events are kept.
func (h *Handlers) eventsSince(ctx context.Context) (time.Time, error) {
	kept, err := store.KeptSince(ctx, h.backend.DB)
	return kept.Events, err
}

// eventPages walks over the events of a tenant from at to to. Each page is read from a slice
// of time that is as long as a query can scan quickly: a busy minute may hold more events of
// others than a quiet month.
type eventPages struct {
	h      *Handlers
	tenant string
	at, to time.Time
	behind string // id of the last event read at the instant at
	slice  time.Duration
}

func (p *eventPages) done() bool { return !p.at.Before(p.to) }

// next reads a page, which may be empty.
func (p *eventPages) next(ctx context.Context) ([]store.StoredEvent, error) {
	before := p.at.Add(p.slice)
	if before.After(p.to) {
		before = p.to
	}
	var start time.Time
	var events []store.StoredEvent
	err := p.h.heavy(ctx, func() (err error) {
		ctx, cancel := context.WithTimeout(ctx, eventsQueryLimit)
		defer cancel()
		start = time.Now()
		events, err = store.EventsAfter(ctx, p.h.backend.DB, p.tenant, p.at, p.behind, before, eventsPage)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read a page of events: %w", err)
	}
	if len(events) == eventsPage {
		last := events[len(events)-1]
		p.at, p.behind = last.At, last.ID
	} else {
		p.at, p.behind = before, ""
	}
	switch took := time.Since(start); {
	case took > time.Second:
		p.slice = max(p.slice/2, time.Minute)
	case took < 100*time.Millisecond && len(events) < eventsPage:
		p.slice = min(2*p.slice, 24*time.Hour)
	}
	return events, nil
}
