package intake

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/budget"
)

// Post returns the handler of requests with events in the format of a decoder: all events of a
// request are counted, or none.
func (h *Handlers) Post(d Decoder) func(http.ResponseWriter, *http.Request, httprouter.Params) error {
	return func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
		return h.post(w, r, d)
	}
}

func (h *Handlers) post(w http.ResponseWriter, r *http.Request, d Decoder) error {
	from := senderOf(r.Context())
	if from.Known() { // without credentials all callers are one
		if !h.inFlight.Enter(from.Flow()) {
			return problem.InFlight()
		}
		defer h.inFlight.Leave(from.Flow())
	}
	bound, _ := h.backend.Tenants.Get(from.Tenant)
	if err := h.commit.Early(from, bound); err != nil {
		return err
	}
	buffer := buffers.Get().(*bytes.Buffer)
	defer putBuffer(buffer)
	share := h.budget.Share(account.Holder(r.Context()))
	defer share.Give()
	if err := readBody(buffer, w, r, &share); err != nil {
		if errors.Is(err, budget.ErrFull) {
			share.Give()
			pause(r.Context())
		}
		return err
	}
	endTurn, err := h.waitTurn(r.Context(), buffer.Bytes(), from)
	if err != nil {
		return err
	}
	defer endTurn()
	request, err := h.read(r, d, buffer.Bytes(), from)
	if err != nil {
		if p := problem.Of(err); p.Status < http.StatusInternalServerError {
			h.commit.Charge(from, bound, max(p.Events, 1))
		}
		return err
	}
	result, err := h.commit.Commit(r.Context(), request)
	if err != nil {
		return err
	}
	problem.SetRateLimits(w.Header(), result.Rates)
	w.Header()[dedupeHeader] = h.dedupeWindow
	buffer.Reset() // the decoder has kept nothing of the body
	d.Answer(w, buffer.AvailableBuffer(), result)
	return nil
}

// senderOf is who sent the request of ctx.
func senderOf(ctx context.Context) commit.Sender {
	who := auth.Of(ctx)
	return commit.Sender{Key: who.KeyID, Tenant: who.Tenant, Rate: who.Rate}
}

// read makes a request of a body. Large ones are read a few at a time, by turn of their senders,
// so that single events of others do not have to wait for a processor.
func (h *Handlers) read(r *http.Request, d Decoder, body []byte, from commit.Sender) (
	*commit.Request, error,
) {
	if len(body) > largeBody {
		if err := h.reading.Enter(r.Context(), from.Flow(), len(body)); err != nil {
			return nil, problem.Gone()
		}
		defer h.reading.Leave()
	}
	now := h.backend.Now().UTC().Truncate(time.Microsecond)
	events, err := d.Decode(r.Header.Get("Content-Type"), body, now)
	if err != nil {
		return nil, err
	}
	key, err := takeKey(r.Header, events)
	if err != nil {
		return nil, err
	}
	request, err := h.prepare(r.Context(), batch{events, key, now, from})
	if err != nil {
		p := *problem.Of(err)
		p.Events = len(events)
		return nil, &p
	}
	return request, nil
}
