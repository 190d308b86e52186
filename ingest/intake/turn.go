package intake

import (
	"bytes"
	"context"
	"math/rand/v2"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
)

const (
	// largeBody is the size in bytes from which bodies are decoded by turn: some 500 events, which
	// take 1 ms.
	largeBody = 64 << 10
	// stagedEvents is the number of events from which a request is likely to be staged (cost.go).
	stagedEvents = 1000
	// turnLimit is how long a large request waits for its turn at most before it is answered 503. It
	// waits for half of that at least. Clients that came together do not send again together.
	turnLimit = 5 * time.Second
	// crowdedPause delays the answer to a request for which there was no memory.
	crowdedPause = time.Second
)

// waitTurn waits until a request with a large body may go on. The caller ends the turn when the
// request is answered.
//
// Requests that are likely to be staged go through the whole pipeline a few at a time. If all of
// them were decoded as they come, most would wait for the stagers until they are too late, and
// each would be decoded and stored in part for nothing. While a request waits here it has cost
// no more than its body.
func (h *Handlers) waitTurn(ctx context.Context, body []byte, from commit.Sender) (end func(), err error) {
	if len(body) <= largeBody || eventsIn(body) <= stagedEvents {
		return func() {}, nil
	}
	limit := h.turnLimit/2 + rand.N(h.turnLimit/2)
	wait, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := h.large.Enter(wait, from.Flow(), len(body)); err != nil {
		if ctx.Err() != nil {
			return nil, problem.Gone()
		}
		return nil, problem.LargeCrowded()
	}
	return h.large.Leave, nil
}

// eventsIn is about how many events a body has, and hardly ever fewer.
func eventsIn(body []byte) int { return bytes.Count(body, []byte("{")) }

// pause delays the answer to a request for which there was no memory, after it has given back what
// it took. Otherwise clients that send a large body again at once keep a processor busy with
// bodies that are not counted.
func pause(ctx context.Context) {
	select {
	case <-time.After(crowdedPause):
	case <-ctx.Done():
	}
}
