package notify

import (
	"fmt"
	"net/http"
	"time"
)

// Reply is the result of an attempt.
type Reply struct {
	// Status is the status of the HTTP answer; 0: there was none.
	Status int
	// Reason is why the message was not delivered; empty: it was. It consists of fixed words and
	// never quotes an error of net/http, which contains the URL.
	Reason string
	// Retry is false if another attempt would fail the same way. Few is set if only a few more
	// attempts are worthwhile.
	Retry, Few bool
	// Gone reports that the webhook never wants another message.
	Gone bool
	// After is how long the webhook asked the sender to wait; 0 if it did not ask.
	After time.Duration
	// Answer is the beginning of the answer's body. It may contain secrets.
	Answer []byte
	Took   time.Duration
}

// Delivered reports whether the webhook accepted the message.
func (r Reply) Delivered() bool { return r.Reason == "" }

// Answered reports whether the host is alive, whatever it answered.
func (r Reply) Answered() bool { return r.Status != 0 }

// Refuse turns an answer with status 2xx into a failure. A few more attempts are worthwhile: a
// proxy may answer for a receiver that is being restarted.
func (r *Reply) Refuse(how string) {
	r.Reason = fmt.Sprintf("HTTP %d %s", r.Status, how)
	r.Retry, r.Few = true, true
}

// Passing reports whether a status is temporary and not about the message: attempts are worthwhile
// until the delivery is given up.
func Passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// restarting reports whether a proxy may answer with this status for a minute while the receiver
// behind it is being replaced.
func restarting(status int) bool {
	return status == http.StatusNotFound || status == http.StatusForbidden
}
