package problem

import (
	"fmt"
	"net/http"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// InvalidEvent is about a body with events that are not as they must be; List says what is wrong.
func InvalidEvent(detail string) *Problem {
	return New(http.StatusBadRequest, "invalid-event", "An event is invalid", detail)
}

// InvalidJSON is about a body that is not JSON; List says what else is wrong.
func InvalidJSON(detail string) *Problem {
	return New(http.StatusBadRequest, "invalid-json", "The body is not valid JSON", detail)
}

// UnknownTenants names the events whose tenant does not exist or is archived.
func UnknownTenants(events []meter.Event, unknown []int) *Problem {
	p := unknownTenant(fmt.Sprintf("%d of %d events name a tenant that does not exist or is archived; "+
		"none was counted", len(unknown), len(events)))
	for _, i := range unknown {
		p.List(FieldError{Index: &i, Field: "tenant",
			Detail: fmt.Sprintf("does not exist or is archived: %q", Clip(events[i].Tenant))})
	}
	return p
}

// UnknownTenant is about a tenant that does not exist, or that the caller may not know of.
func UnknownTenant(name string) *Problem {
	return unknownTenant(fmt.Sprintf("there is no tenant %q", Clip(name)))
}

func unknownTenant(detail string) *Problem {
	return New(http.StatusNotFound, "unknown-tenant", "Unknown tenant", detail)
}

// InvalidIdempotencyKey says what is wrong with the header.
func InvalidIdempotencyKey(wrong string) *Problem {
	return New(http.StatusBadRequest, "invalid-idempotency-key", "The Idempotency-Key header is invalid",
		"the header "+wrong)
}

func keyConflict() *Problem {
	return New(http.StatusConflict, "idempotency-key-conflict",
		"The Idempotency-Key was used for another request",
		"a request with this Idempotency-Key and other events was sent before; nothing was "+
			"counted: give each request a key of its own, and repeat it with the same events")
}

func idConflict(e commit.IDConflict) *Problem {
	p := New(http.StatusConflict, "id-conflict", "An id was used for another event",
		fmt.Sprintf("%d events reuse an id with other content; none was counted", len(e.Indexes)))
	for _, i := range e.Indexes {
		p.List(FieldError{Index: &i, Field: "id",
			Detail: "was sent before with another feature, tokens or timestamp"})
	}
	return p
}

func idInUse(e commit.IDInUse) *Problem {
	p := Unavailable("another request with the same id is being counted; nothing of this one was")
	p.Errors = []FieldError{{Index: &e.Index, Field: "id",
		Detail: "is in a request that is not answered yet"}}
	return p
}

func counterFull(e commit.CounterFull) *Problem {
	p := New(http.StatusUnprocessableEntity, "overflow", "A counter cannot hold more",
		"the tokens of one minute would exceed 2^63-1; nothing was counted")
	p.Errors = []FieldError{{Index: &e.Index, Field: "tokens",
		Detail: "would overflow the sum of its minute"}}
	return p
}
