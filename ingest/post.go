package ingest

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/failpoint"
	"github.com/eduardosanzb/flagmeter/internal/httpd"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/usage"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// postEvents is POST /events: all events of the request are counted, or none.
func (s *Server) postEvents(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	from := callerOf(r.Context())
	if from.known() { // without credentials all callers are one
		if !s.inFlight.Enter(from.flow()) {
			WriteProblem(w, problemInFlight())
			return
		}
		defer s.inFlight.Leave(from.flow())
	}
	bound, _ := s.tenants.Get(from.tenant)
	if problem := s.limiter.early(from, bound); problem != nil {
		WriteProblem(w, problem)
		return
	}
	buffer := buffers.Get().(*bytes.Buffer)
	defer putBuffer(buffer)
	share := s.budget.Share(holderOf(r.Context()))
	defer share.Give()
	if problem := readBody(buffer, w, r, &share); problem != nil {
		if problem.crowded {
			share.Give()
			pause(r.Context())
		}
		WriteProblem(w, problem)
		return
	}
	endTurn, problem := s.waitTurn(r.Context(), buffer.Bytes(), from)
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	defer endTurn()
	submissions, problem := s.read(w, r, buffer.Bytes(), from)
	if problem == nil {
		problem = s.limiter.admit(submissions, from)
	} else if problem.Status < http.StatusInternalServerError {
		s.limiter.chargeEarly(from, bound, max(problem.events, 1))
	}
	if problem != nil {
		releaseAll(submissions)
		WriteProblem(w, problem)
		return
	}
	accepted, problem := s.commit(r.Context(), submissions)
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	buffer.Reset() // the decoder has kept nothing of the body
	setRateLimits(w.Header(), accepted.rates)
	w.Header()[dedupeHeader] = s.dedupeWindow
	writeJSON(w, accepted.append(buffer.AvailableBuffer()))
}

// read makes submissions of a body. Large ones are read a few at a time, by turn of their callers,
// so that single events of others do not have to wait for a processor.
func (s *Server) read(w http.ResponseWriter, r *http.Request, body []byte,
	from caller) ([]*submission, *Problem) {
	if len(body) > largeBody {
		if err := s.reading.Enter(r.Context(), from.flow(), len(body)); err != nil {
			return nil, problemGone()
		}
		defer s.reading.Leave()
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	events, problem := decodeEvents(r.Header.Get("Content-Type"), body, now, s.tenants)
	if problem != nil {
		return nil, problem
	}
	key, problem := takeKey(r.Header, events)
	if problem != nil {
		return nil, problem
	}
	submissions, problem := s.prepare(w, r, events, key, now)
	if problem != nil {
		problem.events = len(events)
	}
	return submissions, problem
}

// prepare finds the tenants of events and makes a submission for each shard they lie
// in, with the key of the request if there is one. Tenants are created, if the settings say so,
// only for a request without a fault.
func (s *Server) prepare(w http.ResponseWriter, r *http.Request, events []meter.Event, key string,
	now time.Time) ([]*submission, *Problem) {
	who := auth.Of(r.Context())
	submissions, missing, problem := s.sort(events, key, now, who, s.autoCreate)
	if problem != nil || len(missing) == 0 {
		return submissions, problem
	}
	if problem := s.createTenants(r.Context(), httpd.Logger(w, s.log), missing); problem != nil {
		return nil, problem
	}
	submissions, _, problem = s.sort(events, key, now, who, false)
	return submissions, problem
}

// sort makes a submission for each shard in which the tenants of events lie. With
// mayMiss it returns the names of tenants that do not exist; they are no fault then. Tenants
// that who may not know of do not exist, and cannot be missing.
func (s *Server) sort(events []meter.Event, key string, now time.Time, who *auth.Principal,
	mayMiss bool) (submissions []*submission, missing []string, problem *Problem) {
	byShard := make([]*submission, len(s.committers))
	var first map[scripts.EventID]string // content under which an id occurred in this request
	var unknown, conflicts []int
	sent := sentUnder(key, who.Tenant)
	var content requestContent
	var tenant meter.Tenant    // of the event before, mostly of this one too
	var named string           // what that event called it
	arrived := failpoint.Now() // as the ledger's ids: by the machine's clock, not the caller's
	for i, e := range events {
		if e.Tenant != named {
			var ok bool
			if tenant, ok = s.tenants.Get(e.Tenant); !ok {
				tenant = meter.Tenant{Name: e.Tenant, Zone: time.UTC} // to look for conflicts
			}
			sees := who.Sees(tenant.Name)
			if !ok && sees && mayMiss {
				missing = append(missing, e.Tenant)
			} else if !ok || !sees || tenant.Archived {
				unknown = append(unknown, i)
				named = ""
				continue
			}
			named = e.Tenant
		}
		e.Tenant = tenant.Name // what is stored, counted and remembered has the key
		if key != "" {
			content.add(&e)
		}
		shard := scripts.ShardOf(e.Tenant, len(byShard))
		if byShard[shard] == nil {
			byShard[shard] = newSubmissionUnder(sent, shard, len(events))
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
		byShard[shard].add(i, s.ids.Next(arrived), e, id, tenant, now)
	}
	if len(unknown) > 0 {
		return nil, nil, problemUnknownTenants(events, unknown)
	}
	if len(conflicts) > 0 {
		return nil, nil, problemConflict(conflicts)
	}
	submissions = slices.DeleteFunc(byShard, func(s *submission) bool { return s == nil })
	if key != "" && len(submissions) > 0 && len(missing) == 0 {
		giveKey(submissions, who.Tenant, content.digest())
	}
	return submissions, missing, nil
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
func (s *Server) commit(ctx context.Context, submissions []*submission) (result accepted, problem *Problem) {
	for _, sub := range submissions {
		s.submit(sub)
	}
	for _, sub := range submissions {
		got := <-sub.done
		if got.outdated != nil {
			got = s.resubmit(ctx, sub, got.outdated)
		}
		if got.problem != nil {
			problem = got.problem
		} else {
			result.events += sub.accepted
			result.duplicates += sub.duplicates
			result.usage = append(result.usage, got.usages...)
			result.rates = append(result.rates, got.rates...) // of several shards, each has its own
		}
		sub.release()
	}
	return result, problem
}

func (s *Server) submit(sub *submission) {
	if !s.committers[sub.shard].submit(sub) {
		sub.done <- answer{problem: problemBusy()}
	}
}

// renewLimit is how long a request waits for Postgres to tell what is used.
const renewLimit = 2 * time.Second

// resubmit commits what could not be judged with an outdated view of Postgres with a new one.
func (s *Server) resubmit(ctx context.Context, sub *submission, outdated *usage.ViewID) (got answer) {
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	for outdated != nil {
		if err := s.live.Renew(ctx, *outdated); err != nil {
			s.log.Error("usage of a tenant whose quota is enforced is not known", "error", err)
			return answer{problem: problemUnavailable("whether the quota is used up cannot be told while Postgres is away; nothing was counted")}
		}
		s.submit(sub)
		got = <-sub.done
		outdated = got.outdated
	}
	return got
}

func releaseAll(submissions []*submission) {
	for _, s := range submissions {
		s.release()
	}
}
