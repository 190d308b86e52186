package notify

import (
	"fmt"
	"net/http"
	"time"
)

// Reply is how an attempt went.
type Reply struct {
	// Status is that of the HTTP answer; 0: there was none.
	Status int
	// Reason is why the message was not delivered; empty: it was. It is made of fixed words,
	// never of an error of net/http: those hold the URL.
	Reason string
	// Retry is false if another attempt would fail in the same way. Few is set if only a few
	// more attempts are worthwhile.
	Retry, Few bool
	// Gone reports that the webhook never wants another message.
	Gone bool
	// After is how long the webhook asked to be left alone; 0 if it did not.
	After time.Duration
	// Answer is the beginning of the answer's body. It may repeat secrets.
	Answer []byte
	Took   time.Duration
}

// Delivered reports whether the webhook took the message.
func (r Reply) Delivered() bool { return r.Reason == "" }

// Answered reports whether the host is alive, whatever it says about the message.
func (r Reply) Answered() bool { return r.Status != 0 }

// Refuse turns an answer with status 2xx into a failure. A few more attempts are worthwhile: a
// proxy may answer for a receiver that is being restarted.
func (r *Reply) Refuse(how string) {
	r.Reason = fmt.Sprintf("HTTP %d %s", r.Status, how)
	r.Retry, r.Few = true, true
}

// Passing reports whether a status is about the moment, not about the message: attempts are
// worthwhile for as long as there is time.
func Passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// restarting reports whether a status is one that a proxy may answer with for a minute while the
// receiver behind it is being replaced.
func restarting(status int) bool {
	return status == http.StatusNotFound || status == http.StatusForbidden
}
