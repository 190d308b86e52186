package slack

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
)

// teamsError matches the text that Microsoft Teams answers with when it could not post a message.
var teamsError = regexp.MustCompile(`HTTP error ([1-5]\d\d)`)

// Judge recognizes three answers with status 2xx to a message that will not be shown: an HTML page,
// for example of a server that asks for a login; JSON that reports a failure; the text of Teams. A
// reason consists of fixed words and a status.
func (Notifier) Judge(r *notify.Reply, contentType string) {
	text := bytes.TrimSpace(bytes.TrimPrefix(r.Answer, []byte("\ufeff")))
	switch {
	case isPage(text, contentType):
		r.Refuse("with a page")
	case bytes.HasPrefix(text, []byte("{")):
		if field := denied(text); field != "" {
			r.Refuse("with " + field + " false")
		}
	default:
		if found := teamsError.FindSubmatch(text); found != nil {
			r.Refuse("with HTTP error " + string(found[1]))
			status, _ := strconv.Atoi(string(found[1])) // three digits
			r.Few = !notify.Passing(status)
		}
	}
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

// denied returns the field, ok or success, with which a JSON object reports a failure; empty if it
// reports none.
func denied(object []byte) string {
	var said map[string]json.RawMessage
	if json.Unmarshal(object, &said) != nil {
		return "" // longer than what is read, or not JSON
	}
	for _, field := range []string{"ok", "success"} {
		if value := string(said[field]); value == "false" || value == `"false"` {
			return field
		}
	}
	return ""
}
