package ingest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

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
func takeKey(header http.Header, events []meter.Event) (request string, problem *Problem) {
	values := header.Values(idempotencyHeader)
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", problemIdempotencyKey("must occur once")
	}
	key := values[0]
	if n := len(key); n >= 2 && strings.HasPrefix(key, `"`) && strings.HasSuffix(key, `"`) {
		key = key[1 : n-1]
	}
	if wrong := meter.CheckName(key); wrong != "" {
		return "", problemIdempotencyKey(wrong)
	}
	if len(events) == 1 && (events[0].ID == "" || events[0].ID == key) {
		events[0].ID = key
		return "", nil
	}
	return key, nil
}

// problemRequestConflict is about a key that was used for another request before.
func problemRequestConflict() *Problem {
	return &Problem{Type: "/problems/idempotency-key-conflict",
		Title: "The Idempotency-Key was used for another request", Status: http.StatusConflict,
		Detail: "a request with this Idempotency-Key and other events was sent before; nothing was " +
			"counted: give each request a key of its own, and repeat it with the same events"}
}

// problemRequestOnItsWay is about a key under which another request is neither counted nor given
// up.
func problemRequestOnItsWay() *Problem {
	return problemUnavailable("another request with the same Idempotency-Key is being counted; " +
		"nothing of this one was")
}

// problemRequestUnread is about a flusher of an earlier version, or none that has worked yet.
func problemRequestUnread() *Problem {
	return problemUnavailable("an Idempotency-Key for a whole request is accepted once every flusher " +
		"is of this version; nothing was counted: until then give each event an id")
}

func problemIdempotencyKey(wrong string) *Problem {
	return &Problem{Type: "/problems/invalid-idempotency-key", Title: "The Idempotency-Key header is invalid",
		Status: http.StatusBadRequest, Detail: "the header " + wrong}
}
