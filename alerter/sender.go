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
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	// postTime bounds a request from the look-up of its host to the end of its answer.
	postTime = 10 * time.Second
	// maxAnswer is how much of an answer is read, in bytes.
	maxAnswer = 64 << 10
)

// request is one message for one webhook.
type request struct {
	url  string // secret
	keys []*webhooks.Webhook
	id   string // the same in every attempt
	chat bool   // it is for people: an answer is judged by what it says, too
	body []byte // JSON
}

// reply is how an attempt went.
type reply struct {
	// status is that of the HTTP answer; 0: there was none.
	status int
	// reason is why the message was not delivered; empty: it was. It is made of fixed words,
	// never of an error of net/http: those hold the URL.
	reason string
	// retry is false if another attempt would fail in the same way, and few set if only some
	// more are worth it.
	retry, few bool
	// gone says that the webhook wants no message ever again.
	gone bool
	// after is how long the webhook asked to be left alone; 0 if it did not.
	after time.Duration
	// answer is the beginning of the answer's body. It may repeat secrets.
	answer []byte
	took   time.Duration
}

func (r reply) delivered() bool { return r.reason == "" }

// answered reports whether the host is alive, whatever it thinks of the message.
func (r reply) answered() bool { return r.status != 0 }

// sender posts messages to webhooks. It is safe for concurrent use.
type sender struct {
	dialer       *net.Dialer
	client       *http.Client
	allowPrivate bool
	now          func() time.Time
}

// newSender makes a sender that posts to https URLs at public addresses of other machines only;
// allowPrivate lifts both limits. It follows no redirect and uses no proxy, because
// either would connect to an address that was not checked.
func newSender(allowPrivate bool, now func() time.Time) *sender {
	dialer := &net.Dialer{Timeout: postTime}
	if !allowPrivate {
		dialer.Control = refuseInside(isOwn)
	}
	return &sender{
		dialer:       dialer,
		allowPrivate: allowPrivate,
		now:          now,
		client: &http.Client{
			Timeout: postTime,
			Transport: &http.Transport{
				Proxy:             nil,
				DialContext:       dialer.DialContext,
				ForceAttemptHTTP2: true,
				// alerts are rare; an idle connection is only one more way to fail
				DisableKeepAlives:      true,
				MaxResponseHeaderBytes: maxAnswer,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// post sends a message. 408, 425, 429, 5xx and network errors are worth a retry, 403, 404 and what
// a chat does not take with 2xx a few, every other answer but 2xx is final.
func (s *sender) post(ctx context.Context, r request) reply {
	started := time.Now()
	out := s.send(ctx, r)
	out.took = time.Since(started)
	return out
}

func (s *sender) send(ctx context.Context, r request) reply {
	if _, refused := s.allowed(r.url); refused != "" {
		return reply{reason: refused}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(r.body))
	if err != nil {
		return reply{reason: "webhook URL is malformed"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "FlagMeter")
	if err := sign(req.Header, r, s.now()); err != nil {
		return reply{reason: "message cannot be signed"}
	}

	resp, err := s.client.Do(req)
	if err != nil {
		return networkFailure(err)
	}
	defer resp.Body.Close()
	// The status is what counts: a body that breaks off is only shorter.
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	out := reply{status: resp.StatusCode, answer: answer}
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		s.classify(&out, resp.Header, r.url)
	case r.chat:
		judgeChat(&out, resp.Header.Get("Content-Type"))
	}
	return out
}

// classify judges an answer that is not 2xx.
func (s *sender) classify(r *reply, header http.Header, rawURL string) {
	r.reason = fmt.Sprintf("HTTP %d", r.status)
	code := strings.TrimSpace(string(r.answer))
	if slackCode.MatchString(code) && !strings.Contains(rawURL, code) {
		r.reason += " " + code
	}
	r.gone = r.status == http.StatusGone
	r.few = restarting(r.status)
	if r.retry = r.few || passing(r.status); r.retry {
		r.after = retryAfter(header.Get("Retry-After"), s.now())
	}
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
func networkFailure(err error) reply {
	var (
		dns   *net.DNSError
		cert  *tls.CertificateVerificationError
		errno syscall.Errno
		late  net.Error
		noTLS tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, errNotPublic):
		return reply{reason: "webhook address is not public"}
	case errors.Is(err, errOwn):
		return reply{reason: "webhook address is one of this machine"}
	case errors.As(err, &dns):
		return reply{reason: "host name not resolved", retry: true}
	case errors.As(err, &late) && late.Timeout():
		return reply{reason: "no answer in time", retry: true}
	case errors.As(err, &cert):
		return reply{reason: "TLS certificate not accepted", retry: true}
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &noTLS):
		return reply{reason: "server does not speak TLS", retry: true}
	case errors.As(err, &errno):
		return reply{reason: errno.Error(), retry: true} // a fixed text of the system
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return reply{reason: "connection closed without an answer", retry: true}
	default:
		return reply{reason: "request failed", retry: true}
	}
}
