package intake

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// idempotencyHeader may carry the id of a single event instead of the body, or the key of a whole
// request, for clients that set it on every request (IETF draft idempotency-key-header, where
// the value is a quoted string; an unquoted one is accepted too).
const idempotencyHeader = "Idempotency-Key"

// dedupeHeader says for how many seconds at least the ids of the answered events are
// remembered: a client that keeps events to send them again must know.
const dedupeHeader = "X-Dedupe-Window"

// dedupeSeconds is the value of dedupeHeader, which net/http only reads.
func dedupeSeconds(window time.Duration) []string {
	return []string{strconv.FormatInt(int64(window/time.Second), 10)}
}

// takeKey reads the header, if that is there. In a request of one event without id, in any
// framing, it is the event's id, which takeKey sets. Else it returns the key of the whole request,
// "" if there is none.
func takeKey(header http.Header, events []meter.Event) (request string, _ error) {
	values := header.Values(idempotencyHeader)
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", problem.InvalidIdempotencyKey("must occur once")
	}
	key := values[0]
	if n := len(key); n >= 2 && strings.HasPrefix(key, `"`) && strings.HasSuffix(key, `"`) {
		key = key[1 : n-1]
	}
	if wrong := meter.CheckName(key); wrong != "" {
		return "", problem.InvalidIdempotencyKey(wrong)
	}
	if len(events) == 1 && (events[0].ID == "" || events[0].ID == key) {
		events[0].ID = key
		return "", nil
	}
	return key, nil
}
