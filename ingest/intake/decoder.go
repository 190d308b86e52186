package intake

import (
	"net/http"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Decoder reads events in one format, and answers in it. It is safe for concurrent use.
type Decoder interface {
	// Decode returns the events of a body that arrived at now, in their order and without memory of
	// the body, or a problem.Problem with the number of events that it has read. The size of the
	// body is bounded.
	Decode(contentType string, body []byte, now time.Time) ([]meter.Event, error)
	// Answer writes what became of the events. It may use the memory of buffer, which holds
	// nothing.
	Answer(w http.ResponseWriter, buffer []byte, result commit.Result)
}
