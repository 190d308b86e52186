package ingest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// idempotencyHeader may carry the id of a single event instead of the body, for
// clients that set it on every request (IETF draft idempotency-key-header, where the
// value is a quoted string; an unquoted one is accepted too).
const idempotencyHeader = "Idempotency-Key"

// dedupeHeader says for how many seconds at least the ids of the answered events are
// remembered: a client that keeps events to send them again must know.
const dedupeHeader = "X-Dedupe-Window"

// dedupeSeconds is the value of dedupeHeader, which net/http only reads.
func dedupeSeconds(window time.Duration) []string {
	return []string{strconv.FormatInt(int64(window/time.Second), 10)}
}

// setID takes the id of a request's only event from the header, if that is there.
func setID(header http.Header, events []meter.Event) *Problem {
	values := header.Values(idempotencyHeader)
	if len(values) == 0 {
		return nil
	}
	if len(values) > 1 {
		return problemIdempotencyKey("must occur once")
	}
	if len(events) != 1 {
		return problemIdempotencyKey(fmt.Sprintf("is for a single event, and the body has %d: give each an id", len(events)))
	}
	key := values[0]
	if n := len(key); n >= 2 && strings.HasPrefix(key, `"`) && strings.HasSuffix(key, `"`) {
		key = key[1 : n-1]
	}
	if wrong := meter.CheckName(key); wrong != "" {
		return problemIdempotencyKey(wrong)
	}
	if id := events[0].ID; id != "" && id != key {
		return problemIdempotencyKey("differs from the event's id")
	}
	events[0].ID = key
	return nil
}

func problemIdempotencyKey(wrong string) *Problem {
	return &Problem{Type: "/problems/invalid-idempotency-key", Title: "The Idempotency-Key header is invalid",
		Status: http.StatusBadRequest, Detail: "the header " + wrong}
}
