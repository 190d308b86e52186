package problem

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/budget"
)

// Of returns the problem that answers err, which is not nil: itself if it is one, or the one that a
// refusal of another package stands for. Any other error is a fault of the server.
func Of(err error) *Problem {
	switch e := err.(type) {
	case *Problem:
		return e
	case commit.Unavailable:
		return Unavailable(string(e))
	case commit.IDInUse:
		return idInUse(e)
	case commit.IDConflict:
		return idConflict(e)
	case commit.KeyConflict:
		return keyConflict()
	case commit.CounterFull:
		return counterFull(e)
	case commit.RateLimited:
		return rateLimited(e)
	case commit.LargerThanBurst:
		return largerThanBurst(e)
	case commit.QuotaExceeded:
		return quotaExceeded(e)
	case commit.QuotaHeld:
		return quotaHeld(e)
	case commit.TooManyFeatures:
		return tooManyFeatures(e)
	}
	switch {
	case errors.Is(err, auth.ErrNotReady):
		return Starting()
	case errors.Is(err, auth.ErrCrossOrigin):
		return foreignPage()
	case errors.Is(err, auth.ErrUnauthorized):
		return unauthorized()
	case errors.Is(err, budget.ErrFull):
		return Crowded()
	}
	return Internal().Because(err)
}

// Internal is a fault of the server.
func Internal() *Problem {
	return New(http.StatusInternalServerError, "internal", "Internal error",
		"the request failed for a reason that is in the log")
}

// unauthorized is the same whatever is wrong with a credential, or if there is none.
func unauthorized() *Problem {
	return New(http.StatusUnauthorized, "unauthorized", "Unauthorized",
		"this needs a valid API key or token, as Authorization: Bearer")
}

// Forbidden refuses a caller without the scope that a route needs.
func Forbidden(need auth.Need) *Problem {
	return New(http.StatusForbidden, "forbidden", "Forbidden",
		fmt.Sprintf("this needs the scope %s", need))
}

// foreignPage refuses a change that a page of another origin asks for.
func foreignPage() *Problem {
	return New(http.StatusForbidden, "foreign-origin", "Foreign origin",
		"a page of another origin may not ask for this")
}

// ForeignOrigin refuses a WebSocket to a page of another origin.
func ForeignOrigin() *Problem {
	return New(http.StatusForbidden, "foreign-origin", "Foreign origin",
		"a page of another origin may not open this WebSocket")
}

// NotLocal refuses a request whose header shows that it may come from another machine.
func NotLocal(header string) *Problem {
	return New(http.StatusForbidden, "not-local", "Not from this machine", fmt.Sprintf(
		"nobody is asked for a credential here, so only this machine is answered, and the header %s "+
			"is not from it: set AUTH=required or, to answer everybody, AUTH=off", header))
}
