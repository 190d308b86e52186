package problem

import (
	"net/http"
	"time"
)

// retryAfter is what a client is told to wait when a store is down or full.
const retryAfter = 2 * time.Second

// Unavailable refuses what may succeed later.
func Unavailable(detail string) *Problem {
	p := New(http.StatusServiceUnavailable, "unavailable", "Not available now", detail)
	p.RetryAfter = retryAfter
	return p
}

// Starting refuses what needs tenants or keys that the process has not read yet.
func Starting() *Problem {
	return Unavailable("the process is starting: its stores have not answered yet")
}

// Stopping refuses what would outlive the process.
func Stopping() *Problem { return Unavailable("the process is shutting down") }

// InFlight refuses one more request of a credential that has too many at once.
func InFlight() *Problem {
	return Unavailable("too many requests with this credential are in hand; nothing was counted")
}

// Crowded refuses a request that there is no memory for.
func Crowded() *Problem {
	return Unavailable("the memory for requests is used up: send the same again later, " +
		"in smaller parts if it is large; nothing was counted")
}

// LargeCrowded refuses a large request that others have kept from its turn.
func LargeCrowded() *Problem {
	return Unavailable("too many large requests are waiting: send the same again later; " +
		"nothing was counted")
}

// Gone is for a client that has closed its connection. It is not sent.
func Gone() *Problem { return Unavailable("the client has gone away") }

// AnswersCrowded refuses a question whose answer there is no memory for.
func AnswersCrowded() *Problem {
	return Unavailable("the memory for answers is used up: ask again later, or for less")
}

// TooManyAtOnce refuses one more expensive question of a caller who has too many.
func TooManyAtOnce() *Problem {
	p := New(http.StatusTooManyRequests, "too-many-at-once", "Too many of these at once",
		"others that you have asked for are still being answered: ask again when one has ended")
	p.RetryAfter = 5 * time.Second
	return p
}
