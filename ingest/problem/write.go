package problem

import (
	"log/slog"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eduardosanzb/flagmeter/internal/httpd"
)

// Write answers a request with the problem that err is, and logs its cause if it has one. The
// answer is complete: nothing else may be written to w.
func Write(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	p := *Of(err)
	if p.cause != nil && r.Context().Err() == nil {
		httpd.Logger(w, log).Error(p.Detail, "path", r.URL.Path, "error", p.cause)
	}
	p.RequestID = httpd.RequestID(w)
	p.ErrorCount = max(p.ErrorCount, len(p.Errors))
	p.Errors = p.Errors[:min(len(p.Errors), maxErrors)]
	// Text from the client was cleaned where it entered p. Should some slip through,
	// a problem with U+FFFD in it is better than none; nothing else can fail here.
	body, err := json.Marshal(&p, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		http.Error(w, p.Title, p.Status)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if p.Status == http.StatusUnauthorized {
		header["Www-Authenticate"] = challenge
	}
	if p.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(seconds(p.RetryAfter), 10))
	}
	SetRateLimits(header, p.rates)
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // fails if the client has gone away
}

var challenge = []string{"Bearer"}
