package alerter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Not every server tells the truth with its status. What follows knows three that answer 200 to
// a message that nobody will see.

// teamsError is in the text that Microsoft Teams answers with when it could not post a message.
var teamsError = regexp.MustCompile(`HTTP error ([1-5]\d\d)`)

// judgeChat finds out whether a chat took a message although its status is 2xx: not if it
// answers with a page, as one does that asks people to sign in, with JSON that says so, or with
// the text of Teams. A reason is made of fixed words and a status.
func judgeChat(r *reply, contentType string) {
	text := bytes.TrimSpace(bytes.TrimPrefix(r.answer, []byte("\ufeff")))
	switch {
	case isPage(text, contentType):
		r.refuse("with a page")
	case bytes.HasPrefix(text, []byte("{")):
		if field := denied(text); field != "" {
			r.refuse("with " + field + " false")
		}
	default:
		if found := teamsError.FindSubmatch(text); found != nil {
			r.refuse("with HTTP error " + string(found[1]))
			status, _ := strconv.Atoi(string(found[1])) // three digits
			r.few = !passing(status)
		}
	}
}

// refuse makes a failure of an answer whose status promised something else. It is worth a few
// more attempts: a proxy may answer for a chat that is being restarted.
func (r *reply) refuse(how string) {
	r.reason = fmt.Sprintf("HTTP %d %s", r.status, how)
	r.retry, r.few = true, true
}

func isPage(text []byte, contentType string) bool {
	begin := strings.ToLower(string(text[:min(len(text), 15)]))
	for _, tag := range []string{"<!doctype html", "<html", "<head"} {
		if strings.HasPrefix(begin, tag) {
			return true
		}
	}
	return strings.HasPrefix(begin, "<") &&
		strings.HasPrefix(strings.ToLower(contentType), "text/html")
}

// denied is the field, ok or success, by which a JSON object says that it did not work; empty if
// it does not say so.
func denied(object []byte) string {
	var said map[string]json.RawMessage
	if json.Unmarshal(object, &said) != nil {
		return "" // it is longer than what is read, or not JSON
	}
	for _, field := range []string{"ok", "success"} {
		if value := string(said[field]); value == "false" || value == `"false"` {
			return field
		}
	}
	return ""
}

// passing reports whether a status is about now, not about the message: it is worth attempts for
// as long as there is time.
func passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// restarting reports whether a status is one that a proxy may give for a minute while what is
// behind it is replaced.
func restarting(status int) bool {
	return status == http.StatusNotFound || status == http.StatusForbidden
}
