package alerter

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// postTime bounds a request from the look-up of its host to the end of its answer.
	postTime = 10 * time.Second
	// maxAnswer is how much of an answer is read, in bytes.
	maxAnswer = 64 << 10
)

// failure is why a message was not delivered.
type failure struct {
	// reason is made of fixed words, never of an error of net/http: those hold the URL.
	reason string
	// retry is false if another attempt would fail in the same way.
	retry bool
	// after is how long the webhook asked to be left alone; 0 if it did not.
	after time.Duration
}

// sender posts messages to webhooks. It is safe for concurrent use.
type sender struct {
	client       *http.Client
	allowPrivate bool
	now          func() time.Time
}

// newSender makes a sender that posts to https URLs at public addresses only;
// allowPrivate lifts both limits. It follows no redirect and uses no proxy, because
// either would connect to an address that was not checked.
func newSender(allowPrivate bool, now func() time.Time) *sender {
	dialer := &net.Dialer{Timeout: postTime}
	if !allowPrivate {
		dialer.Control = refuseNotPublic
	}
	return &sender{
		allowPrivate: allowPrivate,
		now:          now,
		client: &http.Client{
			Timeout: postTime,
			Transport: &http.Transport{
				Proxy:                  nil,
				DialContext:            dialer.DialContext,
				ForceAttemptHTTP2:      true,
				DisableKeepAlives:      true, // alerts are rare; an idle connection is only one more way to fail
				MaxResponseHeaderBytes: maxAnswer,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// post sends a JSON body and returns nil if the webhook has answered 2xx. 429, 5xx
// and network errors are worth a retry, every other answer is final.
func (s *sender) post(ctx context.Context, rawURL string, body []byte) *failure {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" {
		return &failure{reason: "webhook URL is malformed"}
	}
	if u.Scheme != "https" && !(s.allowPrivate && u.Scheme == "http") {
		return &failure{reason: "webhook URL is not https"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, rawURL, bytes.NewReader(body))
	if err != nil {
		return &failure{reason: "webhook URL is malformed"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "FlagMeter")

	resp, err := s.client.Do(req)
	if err != nil {
		return networkFailure(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	return s.answerFailure(resp, rawURL)
}

// answerFailure classifies an answer that is not 2xx.
func (s *sender) answerFailure(resp *http.Response, rawURL string) *failure {
	f := &failure{reason: fmt.Sprintf("HTTP %d", resp.StatusCode)}
	// The status is what counts: a body that breaks off only shortens the reason.
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if code := string(answer); slackCode.MatchString(code) && !strings.Contains(rawURL, code) {
		f.reason += " " + code
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 {
		f.retry = true
		f.after = retryAfter(resp.Header.Get("Retry-After"), s.now())
	}
	return f
}

// slackCode matches the errors that Slack answers with, such as channel_is_archived.
// Any other body is kept out of the reason: it may echo the URL.
var slackCode = regexp.MustCompile(`^[a-z_]{1,64}$`)

// retryAfter reads a Retry-After header in either of its forms (RFC 9110, section
// 10.2.3): seconds or a date. It is 0 for anything else and for what is over.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(date.Sub(now), 0)
	}
	return 0
}

// networkFailure describes an error of http.Client.Do without quoting it.
func networkFailure(err error) *failure {
	var (
		dns   *net.DNSError
		cert  *tls.CertificateVerificationError
		errno syscall.Errno
		late  net.Error
	)
	switch {
	case errors.Is(err, errNotPublic):
		return &failure{reason: "webhook address is not public"}
	case errors.As(err, &dns):
		return &failure{reason: "host name not resolved", retry: true}
	case errors.As(err, &late) && late.Timeout():
		return &failure{reason: "no answer in time", retry: true}
	case errors.As(err, &cert):
		return &failure{reason: "TLS certificate not accepted", retry: true}
	case errors.Is(err, http.ErrSchemeMismatch):
		return &failure{reason: "server does not speak TLS", retry: true}
	case errors.As(err, &errno):
		return &failure{reason: errno.Error(), retry: true} // a fixed text of the system
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &failure{reason: "connection closed without an answer", retry: true}
	default:
		return &failure{reason: "request failed", retry: true}
	}
}
