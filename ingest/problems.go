package ingest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// retryAfter is what a client is told to wait when Valkey is away or full.
const retryAfter = 2 * time.Second

func problemUnavailable(detail string) *Problem {
	return &Problem{Type: "/problems/unavailable", Title: "Not available now",
		Status: http.StatusServiceUnavailable, Detail: detail, RetryAfter: retryAfter}
}

// problemBusy is about a queue, or a flow's part of it, that is full.
func problemBusy() *Problem {
	return problemUnavailable("too many requests are waiting; nothing was counted")
}

// problemInFlight is about an API key with too many requests at a time.
func problemInFlight() *Problem {
	return problemUnavailable("too many requests with this credential are in hand; nothing was counted")
}

// problemOnItsWay names an event that another request has sent and that is not counted yet.
func problemOnItsWay(index int) *Problem {
	p := problemUnavailable("another request with the same id is being counted; nothing of this one was")
	p.Errors = []FieldError{{Index: &index, Field: "id", Detail: "is in a request that is not answered yet"}}
	return p
}

// problemHeld is about a quota of which a large request that is being counted may take the rest.
func problemHeld(t meter.Tenant) *Problem {
	return problemUnavailable(fmt.Sprintf("a large request is being counted that may use up "+
		"the quota of tenant %q; nothing was counted", clip(t.Shown())))
}

// problemCrowded is about a request that there is no memory for.
func problemCrowded() *Problem {
	p := problemUnavailable("the memory for requests is used up: send the same again later, " +
		"in smaller parts if it is large; nothing was counted")
	p.crowded = true
	return p
}

// problemTurn is about a large request that others have kept from its turn.
func problemTurn() *Problem {
	return problemUnavailable("too many large requests are waiting: send the same again later; " +
		"nothing was counted")
}

// problemGone is for a client that has closed its connection. It is not sent.
func problemGone() *Problem { return problemUnavailable("the client has gone away") }

// problemConflict names the events whose id was used for another event before.
func problemConflict(indexes []int) *Problem {
	p := &Problem{Type: "/problems/id-conflict", Title: "An id was used for another event",
		Status: http.StatusConflict, Detail: fmt.Sprintf("%d events reuse an id with other content; none was counted", len(indexes))}
	for _, i := range indexes {
		p.list(FieldError{Index: &i, Field: "id", Detail: "was sent before with another feature, tokens or timestamp"})
	}
	return p
}

func problemOverflow(index int) *Problem {
	return &Problem{Type: "/problems/overflow", Title: "A counter cannot hold more", Status: http.StatusUnprocessableEntity,
		Detail: "the tokens of one minute would exceed 2^63-1; nothing was counted",
		Errors: []FieldError{{Index: &index, Field: "tokens", Detail: "would overflow the sum of its minute"}}}
}

// problemRateLimited is about the limit that the request waits for.
func problemRateLimited(c charge, wait time.Duration) *Problem {
	// Whoever waits for n events to drain has that many fewer left than the request needs.
	missing := (wait.Microseconds()*c.rate.PerSecond + micro - 1) / micro
	return &Problem{Type: "/problems/rate-limited", Title: "Too many events", Status: http.StatusTooManyRequests,
		Detail:     fmt.Sprintf("%s may send %d events a second, and %d at once; nothing was counted", c.who(), c.rate.PerSecond, c.rate.Burst),
		RetryAfter: wait, rates: []rateStatus{{c.policy, c.rate, max(0, int64(c.events)-missing), wait}}}
}

// problemLargerThanBurst is about a request that no waiting helps.
func problemLargerThanBurst(c charge) *Problem {
	return &Problem{Type: "/problems/larger-than-burst", Title: "More events than may be sent at once", Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("%s may send %d events at once, the request has %d: divide it; nothing was counted", c.who(), c.rate.Burst, c.events)}
}

// who is the subject of a sentence about a limit.
func (c charge) who() string {
	if c.policy == policyKey {
		return "this API key"
	}
	return fmt.Sprintf("tenant %q", clip(c.shown))
}

// Excess are the members of a problem about a limit that is used up, or would be.
type Excess struct {
	Limit  string `json:"limit"`  // its name; a tenant's monthly quota is "quota"
	Unit   string `json:"unit"`   // of the figures
	Used   int64  `json:"used"`   // in the current window
	Held   int64  `json:"held"`   // by what was asked for and has not happened yet
	Amount int64  `json:"amount"` // what the limit allows
	Asked  int64  `json:"asked"`  // by the request
	// ResetsAt is when the window ends, and with it Used.
	ResetsAt time.Time `json:"resetsAt"`
}

// problemQuotaExceeded is about a tenant whose quota is used up, or would be by the tokens that
// were asked for, until its period ends. There is no Retry-After: clients slept until the end
// of the month.
func problemQuotaExceeded(t meter.Tenant, used, asked int64, end time.Time) *Problem {
	detail := fmt.Sprintf("tenant %q has used %d of %d tokens in this billing period", clip(t.Shown()), used, t.Quota)
	if used < t.Quota {
		detail += ", and the request would exceed that"
	}
	return &Problem{Type: "/problems/quota-exceeded", Title: "The quota is used up", Status: http.StatusPaymentRequired,
		Detail: detail + "; nothing was counted",
		Excess: &Excess{Limit: "quota", Unit: "tokens", Used: used, Amount: t.Quota, Asked: asked, ResetsAt: end.UTC()}}
}

// tokensNeeded is what a request needs of one of the quotas of its group.
func tokensNeeded(needs []scripts.Need, quota int) (tokens int64) {
	for _, n := range needs {
		if n.Quota == quota {
			tokens = n.Tokens
		}
	}
	return tokens
}

// problemFeatureLimit names the events whose feature would be one too many.
func problemFeatureLimit(s *submission, f scripts.Feature, has int64, most int) *Problem {
	name := f.Tenant
	for _, t := range s.tenants {
		if t.Name == f.Tenant {
			name = t.Shown()
		}
	}
	p := &Problem{Type: "/problems/feature-limit", Title: "Too many features", Status: http.StatusUnprocessableEntity,
		Detail: fmt.Sprintf("tenant %q has %d features in use and may have %d; nothing was counted", clip(name), has, most)}
	for _, it := range s.items {
		if c := &s.sums.counters[it.counter]; c.Tenant == f.Tenant && c.Feature == f.Feature {
			p.list(FieldError{Index: &it.index, Field: "feature", Detail: fmt.Sprintf("would be one too many: %q", clip(f.Feature))})
		}
	}
	return p
}

// problemUnknownTenants names the events whose tenant does not exist or is archived.
func problemUnknownTenants(events []meter.Event, unknown []int) *Problem {
	p := &Problem{Type: "/problems/unknown-tenant", Title: "Unknown tenant", Status: http.StatusNotFound,
		Detail: fmt.Sprintf("%d of %d events name a tenant that does not exist or is archived; none was counted", len(unknown), len(events))}
	for _, i := range unknown {
		p.list(FieldError{Index: &i, Field: "tenant", Detail: fmt.Sprintf("does not exist or is archived: %q", clip(events[i].Tenant))})
	}
	return p
}

func problemUnknownTenant(name string) *Problem {
	return &Problem{Type: "/problems/unknown-tenant", Title: "Unknown tenant", Status: http.StatusNotFound,
		Detail: fmt.Sprintf("there is no tenant %q", clip(name))}
}

func problemTooLarge() *Problem {
	return &Problem{Type: "/problems/too-large", Title: "The request is too large", Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("a request body may have at most %d bytes", meter.MaxBody)}
}

// problemNotFound is about a path, and says what was probably meant, unless that is empty.
func problemNotFound(path, meant string) *Problem {
	detail := fmt.Sprintf("there is nothing at %q", clip(path))
	if meant != "" {
		detail += "; did you mean " + meant + "?"
	}
	return &Problem{Type: "/problems/not-found", Title: "Not found", Status: http.StatusNotFound, Detail: detail}
}

func problemMethod(method string) *Problem {
	return &Problem{Type: "/problems/method-not-allowed", Title: "Method not allowed", Status: http.StatusMethodNotAllowed,
		Detail: fmt.Sprintf("%s is not allowed here; see the Allow header", clip(method))}
}

func problemUpgrade() *Problem {
	return &Problem{Type: "/problems/upgrade-required", Title: "Upgrade required", Status: http.StatusUpgradeRequired,
		Detail: "this is a WebSocket: open it with one, or poll GET /tenants"}
}

func problemOrigin() *Problem {
	return &Problem{Type: "/problems/foreign-origin", Title: "Foreign origin", Status: http.StatusForbidden,
		Detail: "a page of another origin may not open this WebSocket"}
}

func problemInternal() *Problem {
	return &Problem{Type: "/problems/internal", Title: "Internal error", Status: http.StatusInternalServerError,
		Detail: "the request failed for a reason that is in the log"}
}
