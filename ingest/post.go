package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// postEvents is POST /events: all events of the request are counted, or none.
func (s *Server) postEvents(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	result, problem := s.accept(w, r)
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	s.writeJSON(w, result)
}

// accepted is the answer to POST /events.
type accepted struct {
	Accepted   int         `json:"accepted"`
	Duplicates int         `json:"duplicates"`
	Usage      []usageBody `json:"usage"`
}

func (s *Server) accept(w http.ResponseWriter, r *http.Request) (accepted, *Problem) {
	body := bodies.Get().(*bytes.Buffer)
	defer func() {
		if body.Cap() <= 64<<10 { // rare large bodies are left to the garbage collector
			bodies.Put(body)
		}
	}()
	body.Reset()
	if problem := readBody(body, w, r); problem != nil {
		return accepted{}, problem
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	events, problem := decodeEvents(r.Header.Get("Content-Type"), body.Bytes(), now)
	if problem != nil {
		return accepted{}, problem
	}
	if problem := setID(r.Header, events); problem != nil {
		return accepted{}, problem
	}
	submissions, problem := s.prepare(r.Context(), events, now)
	if problem != nil {
		return accepted{}, problem
	}
	return s.commit(submissions)
}

// bodies are buffers for request bodies; the decoder keeps nothing of them.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func readBody(body *bytes.Buffer, w http.ResponseWriter, r *http.Request) *Problem {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return &Problem{Type: "/problems/unsupported-media-type", Title: "Unsupported media type", Status: http.StatusUnsupportedMediaType,
			Detail: fmt.Sprintf("Content-Encoding %q is not supported: send the body as it is", clip(encoding))}
	}
	if r.ContentLength > meter.MaxBody {
		return problemTooLarge()
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, meter.MaxBody))
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
func (s *Server) prepare(ctx context.Context, events []meter.Event, now time.Time) ([]*submission, *Problem) {
	submissions, missing, problem := s.sort(events, now, s.autoCreate)
	if problem != nil || len(missing) == 0 {
		return submissions, problem
	}
	if problem := s.createTenants(ctx, missing); problem != nil {
		return nil, problem
	}
	submissions, _, problem = s.sort(events, now, false)
	return submissions, problem
}

// sort makes a submission for each shard in which the tenants of events lie. With
// mayMiss it returns the names of tenants that do not exist; they are no fault then.
func (s *Server) sort(events []meter.Event, now time.Time, mayMiss bool) (submissions []*submission, missing []string, problem *Problem) {
	byShard := make([]*submission, len(s.committers))
	first := map[scripts.EventID]string{} // content under which an id occurred in this request
	var unknown, conflicts []int
	for i, e := range events {
		tenant, ok := s.tenants.Get(e.Tenant)
		if !ok && mayMiss {
			missing = append(missing, e.Tenant)
			tenant.Name, tenant.Zone = e.Tenant, time.UTC // to look for conflicts
		} else if !ok || tenant.Archived {
			unknown = append(unknown, i)
			continue
		}
		shard := scripts.ShardOf(e.Tenant, len(byShard))
		if byShard[shard] == nil {
			byShard[shard] = &submission{shard: shard, done: make(chan answer, 1)}
		}
		it := newItem(i, e, tenant, now)
		if id := it.id; id.ID != "" {
			key := scripts.EventID{Tenant: id.Tenant, ID: id.ID}
			if before, ok := first[key]; ok {
				if before != id.Content {
					conflicts = append(conflicts, i)
				}
				byShard[shard].duplicates++
				continue
			}
			first[key] = id.Content
		}
		byShard[shard].add(it, tenant)
	}
	if len(unknown) > 0 {
		return nil, nil, problemUnknownTenants(events, unknown)
	}
	if len(conflicts) > 0 {
		return nil, nil, problemConflict(conflicts)
	}
	for _, sub := range byShard {
		if sub != nil {
			sub.sum()
			submissions = append(submissions, sub)
		}
	}
	return submissions, missing, nil
}

// createTenants adds tenants with the default quota; that needs Postgres.
func (s *Server) createTenants(ctx context.Context, names []string) *Problem {
	like := meter.Tenant{Quota: s.defaultQuota, BillingDay: 1, Zone: time.UTC, Thresholds: []int{80}}
	if err := s.tenants.Create(ctx, names, like); err != nil {
		s.log.Error("could not create tenants", "tenants", len(names), "error", err)
		return problemUnavailable("a tenant is new and cannot be created now; nothing was counted")
	}
	return nil
}

// commit hands the submissions to their committers and waits for all of them.
func (s *Server) commit(submissions []*submission) (accepted, *Problem) {
	for _, sub := range submissions {
		if !s.committers[sub.shard].submit(sub) {
			sub.done <- answer{problem: problemUnavailable("too many requests are waiting; nothing was counted")}
		}
	}
	var result accepted
	var problem *Problem
	for _, sub := range submissions {
		got := <-sub.done
		if got.problem != nil {
			problem = got.problem
			continue
		}
		result.Accepted += sub.accepted
		result.Duplicates += sub.duplicates
		for _, u := range got.usages {
			result.Usage = append(result.Usage, newUsageBody(u))
		}
	}
	return result, problem
}
