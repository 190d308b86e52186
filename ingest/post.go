package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/httpd"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// postEvents is POST /events: all events of the request are counted, or none.
func (s *Server) postEvents(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	buffer := buffers.Get().(*bytes.Buffer)
	defer putBuffer(buffer)
	if problem := readBody(buffer, w, r); problem != nil {
		WriteProblem(w, problem)
		return
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	events, problem := decodeEvents(r.Header.Get("Content-Type"), buffer.Bytes(), now)
	if problem == nil {
		problem = setID(r.Header, events)
	}
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	submissions, problem := s.prepare(w, r, events, now)
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	accepted, problem := s.commit(submissions)
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	buffer.Reset() // the decoder has kept nothing of the body
	writeJSON(w, accepted.append(buffer.AvailableBuffer()))
}

// buffers are for request bodies and answers.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// putBuffer gives b up. Rare large ones are left to the garbage collector.
func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= 64<<10 {
		b.Reset()
		buffers.Put(b)
	}
}

func readBody(body *bytes.Buffer, w http.ResponseWriter, r *http.Request) *Problem {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return &Problem{Type: "/problems/unsupported-media-type", Title: "Unsupported media type", Status: http.StatusUnsupportedMediaType,
			Detail: fmt.Sprintf("Content-Encoding %q is not supported: send the body as it is", clip(encoding))}
	}
	if r.ContentLength > meter.MaxBody {
		return problemTooLarge()
	}
	var src io.Reader = r.Body
	if r.ContentLength < 0 { // else the server reads no more than it says
		src = http.MaxBytesReader(w, r.Body, meter.MaxBody)
	}
	_, err := body.ReadFrom(src)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return problemTooLarge()
	case err != nil:
		return &Problem{Type: "/problems/incomplete-body", Title: "The body did not arrive whole", Status: http.StatusBadRequest,
			Detail: "the connection ended or the time ran out before the end of the body"}
	}
	return nil
}

// prepare finds the tenants of events and makes a submission for each shard they lie
// in. Tenants are created, if the settings say so, only for a request without a fault.
func (s *Server) prepare(w http.ResponseWriter, r *http.Request, events []meter.Event, now time.Time) ([]*submission, *Problem) {
	submissions, missing, problem := s.sort(events, now, s.autoCreate)
	if problem != nil || len(missing) == 0 {
		return submissions, problem
	}
	if problem := s.createTenants(r.Context(), httpd.Logger(w, s.log), missing); problem != nil {
		return nil, problem
	}
	submissions, _, problem = s.sort(events, now, false)
	return submissions, problem
}

// sort makes a submission for each shard in which the tenants of events lie. With
// mayMiss it returns the names of tenants that do not exist; they are no fault then.
func (s *Server) sort(events []meter.Event, now time.Time, mayMiss bool) (submissions []*submission, missing []string, problem *Problem) {
	byShard := make([]*submission, len(s.committers))
	var first map[scripts.EventID]string // content under which an id occurred in this request
	var unknown, conflicts []int
	var tenant meter.Tenant    // of the event before, mostly of this one too
	arrived := failpoint.Now() // as the ledger's ids: by the machine's clock, not the caller's
	for i, e := range events {
		if e.Tenant != tenant.Name {
			var ok bool
			if tenant, ok = s.tenants.Get(e.Tenant); !ok && mayMiss {
				missing = append(missing, e.Tenant)
				tenant = meter.Tenant{Zone: time.UTC} // to look for conflicts
			} else if !ok || tenant.Archived {
				unknown = append(unknown, i)
				tenant = meter.Tenant{}
				continue
			}
			tenant.Name = e.Tenant
		}
		shard := scripts.ShardOf(e.Tenant, len(byShard))
		if byShard[shard] == nil {
			byShard[shard] = newSubmission(shard, len(events))
		}
		id := eventID(e)
		if id.ID != "" {
			key := scripts.EventID{Tenant: id.Tenant, ID: id.ID}
			if before, ok := first[key]; ok {
				if before != id.Content {
					conflicts = append(conflicts, i)
				}
				byShard[shard].duplicates++
				continue
			}
			if first == nil {
				first = make(map[scripts.EventID]string, len(events))
			}
			first[key] = id.Content
		}
		byShard[shard].add(i, s.ids.next(arrived), e, id, tenant, now)
	}
	if len(unknown) > 0 {
		return nil, nil, problemUnknownTenants(events, unknown)
	}
	if len(conflicts) > 0 {
		return nil, nil, problemConflict(conflicts)
	}
	return slices.DeleteFunc(byShard, func(s *submission) bool { return s == nil }), missing, nil
}

// createTenants adds tenants with the default quota; that needs Postgres.
func (s *Server) createTenants(ctx context.Context, log *slog.Logger, names []string) *Problem {
	like := meter.Tenant{Quota: s.defaultQuota, BillingDay: 1, Zone: time.UTC, Thresholds: append([]int{}, s.thresholds...)}
	if err := s.tenants.Create(ctx, names, like); err != nil {
		log.Error("could not create tenants", "tenants", len(names), "error", err)
		return problemUnavailable("a tenant is new and cannot be created now; nothing was counted")
	}
	return nil
}

// commit hands the submissions to their committers, waits for all of them and releases
// them.
func (s *Server) commit(submissions []*submission) (result accepted, problem *Problem) {
	for _, sub := range submissions {
		if !s.committers[sub.shard].submit(sub) {
			sub.done <- answer{problem: problemUnavailable("too many requests are waiting; nothing was counted")}
		}
	}
	for _, sub := range submissions {
		got := <-sub.done
		if got.problem != nil {
			problem = got.problem
		} else {
			result.events += sub.accepted
			result.duplicates += sub.duplicates
			result.usage = append(result.usage, got.usages...)
		}
		sub.release()
	}
	return result, problem
}
